"""Addresses of the promises on the website, at its root."""

from django.urls import path

from shared_apps.promises import views_website

app_name = "promises"
urlpatterns = [
    path("promises/", views_website.page, name="page"),
    path("promises.json", views_website.document_file, name="document"),
    path("verify_promises.py", views_website.verifier, name="verifier"),
]
