"""The web process's entry point. It starts in no scope: each request enters its own."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["SMOALL_PROCESS"] = "web"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
