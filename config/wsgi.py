"""The web process's entry point. It starts in no scope: each request enters its own."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["SMOALL_PROCESS"] = "web"

from django.core.wsgi import get_wsgi_application

from config.bodies import limited

application = limited(get_wsgi_application())

from tenants import gate  # noqa: E402  (the apps are loaded by now)

gate.look_at_start()
