"""The clients of an integrator, on app., under clients/. An address names the link, never the client."""

from django.urls import path

from shared_apps.integrators import views

app_name = "integrators"
urlpatterns = [
    path("", views.clients, name="clients"),
    path("<uuid:id>/", views.client, name="client"),
    path("<uuid:id>/accept/", views.accept, name="accept"),
    path("<uuid:id>/decline/", views.decline, name="decline"),
    path("<uuid:id>/end/", views.end, name="end"),
]
