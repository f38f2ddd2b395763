"""Addresses of `<workspace>.<domain>`: accounts, business modules, the account area."""

from django.urls import URLPattern, URLResolver, include, path

from shared_apps.accounts.access import public
from shared_apps.mail import urls as mail_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("tenant_apps.home.urls")),
    path("", include("shared_apps.accounts.urls")),
    path("contacts/", include("tenant_apps.contacts.urls")),
    path("history/", include("tenant_apps.history.urls")),
    path("workspace/", include("tenants.urls_account")),
    path("workspace/billing/invoices/", include("billing.urls_invoices")),
    path("workspace/billing/", include("billing.urls_client")),
    path("workspace/integrator/", include("shared_apps.integrators.urls_workspace")),
    path("workspace/disclosures/", include("shared_apps.sharing.urls")),
    path("workspace/requests/", include("shared_apps.requests.urls")),
    path("mails/", include(mail_urls.refusals(public))),
    path("workspace/support/", include("shared_apps.operators.urls_workspace")),
    path("team/", include("tenant_apps.team.urls")),
]

handler400 = "shared_apps.kit.views.bad_request"
handler403 = "shared_apps.kit.views.forbidden"
handler404 = "shared_apps.kit.views.not_found"
handler500 = "shared_apps.kit.views.server_error"
