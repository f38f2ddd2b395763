"""Addresses of the promises on the website, at its root: the page as all others, and two files."""

from django.urls import include, path

from shared_apps.promises import views_website

app_name = "promises"
pages = [path("promises/", views_website.page, name="promises")]
urlpatterns = [
    *pages,
    path("<language:language>/", include(pages)),
    path("promises.json", views_website.document_file, name="document"),
    path("verify_promises.py", views_website.verifier, name="verifier"),
]
