"""The stock project's settings at the release of later, on a copy of its database."""

from scripts.figures.stock import settings as before

globals().update({name: getattr(before, name) for name in dir(before) if name.isupper()})

DATABASES = {"default": {**before.DATABASES["default"], "NAME": "stock_later"}}
MIGRATION_MODULES = {**before.MIGRATION_MODULES, "contacts": "scripts.figures.later.contacts"}
