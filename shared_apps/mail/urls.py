"""The development page's addresses. accounts.access stands above this module: who mounts them brings it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.urls import URLPattern, path

from shared_apps.mail import views

app_name = "mail"


def addresses(public: Callable[[Any], Any]) -> tuple[list[URLPattern], str]:
    """For `include(…)`; empty in production. `public` is accounts.access.public."""
    if settings.SMOALL_IS_PRODUCTION:
        return [], app_name
    return [
        path("", public(views.list), name="list"),
        path("<slug:folder>/<uuid:stem>/", public(views.show), name="show"),
    ], app_name
