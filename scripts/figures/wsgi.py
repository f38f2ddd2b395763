"""What gunicorn serves while requests are counted: one side's handler, with the tenancy alone or with everything."""

import os

import django

django.setup()

from scripts.figures import asking  # noqa: E402  (the apps are loaded by now)

application = asking.handler(os.environ.get("FIGURES_STACK", "lean"))
