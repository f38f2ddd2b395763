"""Addresses of accounts, at the root of app., ops. and every workspace's host."""

from django.urls import URLPattern, URLResolver

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = []
