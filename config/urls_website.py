"""Addresses of the website: `<domain>`. Its views run in no scope: the two that read rows open the shared door."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("shared_apps.website.urls")),
    path("", include("shared_apps.promises.urls_website")),
]

handler400 = "shared_apps.kit.views.bad_request"
handler403 = "shared_apps.kit.views.forbidden"
handler404 = "shared_apps.kit.views.not_found"
handler500 = "shared_apps.kit.views.server_error"
