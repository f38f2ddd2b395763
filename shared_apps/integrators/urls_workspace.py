"""A client's links, on its own host, under workspace/integrator/."""

from django.urls import path

from shared_apps.integrators import views_workspace as views

app_name = "integrator"
urlpatterns = [
    path("", views.home, name="home"),
    path("preview/", views.preview, name="preview"),
    path("propose/", views.propose, name="propose"),
    path("<uuid:id>/end/", views.end, name="end"),
]
