"""Addresses of `app.<domain>`: sign-up, find my workspaces, integrators."""

from django.urls import URLPattern, URLResolver, include, path

from shared_apps.accounts.access import public
from shared_apps.mail import urls as mail_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tenants.urls_app")),
    path("", include("shared_apps.accounts.urls")),
    path("clients/", include("shared_apps.integrators.urls")),
    path("organisation/", include("shared_apps.integrators.urls_organisation")),
    path("contact-details/", include("billing.urls_contact")),
    path("billing/", include("billing.urls_events")),
    path("mails/", include(mail_urls.addresses(public))),
]

handler400 = "shared_apps.kit.views.bad_request"
handler403 = "shared_apps.kit.views.forbidden"
handler404 = "shared_apps.kit.views.not_found"
handler500 = "shared_apps.kit.views.server_error"
