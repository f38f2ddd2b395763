"""Invoices for the contact person of a client whose workspace is gone, by the mailed link; on app., below /contact-details/."""

from django.urls import path

from billing import views_contact as views

app_name = "invoices-contact"
urlpatterns = [path("<str:token>/invoices/<uuid:id>/", views.pdf, name="pdf")]
