"""Addresses of `ops.<domain>`: the operators' console."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("shared_apps.operators.urls")),
    path("", include("shared_apps.accounts.urls")),
    path("billing/invoices/", include("billing.urls_ops_invoices")),
    path("billing/", include("billing.urls_ops")),
    path("promises/", include("shared_apps.promises.urls")),
]

handler400 = "shared_apps.kit.views.bad_request"
handler403 = "shared_apps.kit.views.forbidden"
handler404 = "shared_apps.kit.views.not_found"
handler500 = "shared_apps.kit.views.server_error"
