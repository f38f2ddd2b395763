"""A workspace that is being erased: one page that says so, at every address, and the owner's cancel."""

from django.urls import path, re_path

from tenants.views import erasing

app_name = "erasing"
urlpatterns = [
    path("erasure/cancel/<str:token>/", erasing.cancel, name="cancel"),
    re_path(r"^", erasing.closed, name="closed"),
]
