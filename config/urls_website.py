"""Addresses of the website: `<domain>`. Its views run in no scope: they can't read a row."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
