"""The page on which mails are refused, and the development page. accounts.access stands above this module: who mounts
them brings it.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.urls import URLPattern, path

from shared_apps.mail import views

app_name = "mail"


def refusals(public: Callable[..., Any]) -> tuple[list[URLPattern], str]:
    """For `include(…)`: where the links of mails lead. `public` is accounts.access.public."""
    refuse = public(when_suspended=True)(views.refuse)
    return [path("refuse/<str:token>/", refuse, name="refuse")], app_name


def addresses(public: Callable[..., Any]) -> tuple[list[URLPattern], str]:
    """As `refusals`; in development the mails that were sent, too."""
    found, _name = refusals(public)
    if not settings.SMOALL_IS_PRODUCTION:
        found += [
            path("", public(views.list), name="list"),
            path("<slug:folder>/<uuid:stem>/", public(views.show), name="show"),
        ]
    return found, app_name
