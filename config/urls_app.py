"""Addresses of `app.<domain>`: sign-up, find my workspaces, integrators."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("shared_apps.accounts.urls")),
]
