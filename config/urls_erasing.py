"""Addresses of a workspace that is being erased: one page that says so, and the owner's cancel."""

from django.urls import include, path

from shared_apps.accounts.access import public
from shared_apps.mail import urls as mail_urls

urlpatterns = [
    path(
        "mails/", include(mail_urls.refusals(public))
    ),  # the erasure may be cancelled: what is refused stays refused
    path("", include("tenants.urls_erasing")),
]

handler400 = "shared_apps.kit.views.bad_request"
handler403 = "shared_apps.kit.views.forbidden"
handler404 = "shared_apps.kit.views.not_found"
handler500 = "shared_apps.kit.views.server_error"
