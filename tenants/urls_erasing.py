"""A workspace that is being erased: one page that says so, at every address, and the owner's cancel."""

from django.urls import path, re_path

from tenants import views_erasing

app_name = "erasing"
urlpatterns = [
    path("erasure/cancel/<str:token>/", views_erasing.cancel, name="cancel"),
    re_path(r"^", views_erasing.closed, name="closed"),
]
