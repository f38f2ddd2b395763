"""Addresses of the promises on ops."""

from django.urls import path

from shared_apps.promises import views

app_name = "promises"
urlpatterns = [
    path("", views.results, name="results"),
    path("prove/", views.prove, name="prove"),
    path("progress/", views.progress, name="progress"),
    path("<slug:id>/", views.promise, name="promise"),
]
