"""Addresses of a workspace that is being erased: one page that says so, and the owner's cancel."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
