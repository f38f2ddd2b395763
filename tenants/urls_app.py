"""Addresses at the root of `app.<domain>`: its home, sign-up, "find my workspaces", a departed client's contact details."""

from django.urls import path

from tenants.views import app, contact

app_name = "app"
urlpatterns = [
    path("", app.home, name="home"),
    path("sign-up/", app.sign_up, name="sign-up"),
    path("sign-up/name/", app.name, name="name"),
    path("sign-up/sent/", app.sent, name="sent"),
    path("sign-up/<str:token>/", app.opening, name="opening"),
    path("sign-up/<str:token>/progress/", app.progress, name="progress"),
    path("sign-up/<str:token>/name/", app.rename, name="rename"),
    path("sign-up/<str:token>/terms/", app.terms, name="terms"),
    path("find/", app.find, name="find"),
    path("contact-details/<str:token>/", contact.contact, name="contact"),
    path("contact-details/<str:token>/correct/", contact.correct, name="contact-correct"),
    path("contact-details/<str:token>/day/", contact.day, name="contact-day"),
    path("contact-details/<str:token>/erase/", contact.erase, name="contact-erase"),
    path("contact-details/<str:token>/progress/", contact.progress, name="contact-progress"),
    path("contact-details/<str:token>/again/", contact.again, name="contact-again"),
    path("contact-details/<str:token>/<slug:kind>.json", contact.proof, name="contact-proof"),
]
