"""Addresses of `<workspace>.<domain>`: accounts, business modules, the account area."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("shared_apps.accounts.urls")),
]
