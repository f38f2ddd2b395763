"""Addresses of `ops.<domain>`: the operators' console."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("shared_apps.accounts.urls")),
]
