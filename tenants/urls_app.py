"""Addresses at the root of `app.<domain>`: its home, sign-up, "find my workspaces", a departed client's contact details."""

from django.urls import path

from tenants import views_app as views
from tenants import views_contact

app_name = "app"
urlpatterns = [
    path("", views.home, name="home"),
    path("sign-up/", views.sign_up, name="sign-up"),
    path("sign-up/name/", views.name, name="name"),
    path("sign-up/sent/", views.sent, name="sent"),
    path("sign-up/<str:token>/", views.opening, name="opening"),
    path("sign-up/<str:token>/progress/", views.progress, name="progress"),
    path("sign-up/<str:token>/name/", views.rename, name="rename"),
    path("sign-up/<str:token>/terms/", views.terms, name="terms"),
    path("find/", views.find, name="find"),
    path("contact-details/<str:token>/", views_contact.contact, name="contact"),
    path("contact-details/<str:token>/correct/", views_contact.correct, name="contact-correct"),
    path("contact-details/<str:token>/day/", views_contact.day, name="contact-day"),
    path("contact-details/<str:token>/erase/", views_contact.erase, name="contact-erase"),
    path("contact-details/<str:token>/progress/", views_contact.progress, name="contact-progress"),
    path("contact-details/<str:token>/again/", views_contact.again, name="contact-again"),
    path("contact-details/<str:token>/<slug:kind>.json", views_contact.proof, name="contact-proof"),
]
