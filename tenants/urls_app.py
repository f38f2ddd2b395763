"""Addresses at the root of `app.<domain>`: its home, sign-up and "find my workspaces"."""

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
]
