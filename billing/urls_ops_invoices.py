"""All invoices, and whether the money adds up; on ops., below /billing/invoices/."""

from django.urls import path

from billing import views_ops_invoices as views

app_name = "invoices-ops"
urlpatterns = [
    path("", views.invoices, name="list"),
    path("export/", views.export, name="export"),
    path("ledger/", views.ledger_page, name="ledger"),
    path("paid-back/", views.paid_back, name="paid-back"),
    path("<uuid:id>/", views.invoice, name="invoice"),
    path("<uuid:id>/pdf/", views.pdf, name="pdf"),
    path("<uuid:id>/xml/", views.xml, name="xml"),
]
