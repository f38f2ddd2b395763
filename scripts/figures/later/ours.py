"""Smoall's settings at the release of later."""

from config import settings as product

globals().update({name: getattr(product, name) for name in dir(product) if name.isupper()})

SMOALL_RELEASE = "1000.0.0"
MIGRATION_MODULES = {**product.MIGRATION_MODULES, "contacts": "scripts.figures.later.contacts"}
