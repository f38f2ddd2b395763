"""A client's invoices on its own host, below /workspace/billing/invoices/."""

from django.urls import path

from billing import views_invoices as views

app_name = "invoices"
urlpatterns = [
    path("", views.invoices, name="list"),
    path("<uuid:id>/", views.invoice, name="invoice"),
    path("<uuid:id>/pdf/", views.pdf, name="pdf"),
    path("<uuid:id>/xml/", views.xml, name="xml"),
    path("<uuid:id>/pay/", views.pay, name="pay"),
]
