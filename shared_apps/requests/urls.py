"""What a client asked of Smoall, on its own host, under workspace/requests/."""

from django.urls import path

from shared_apps.requests import views

app_name = "requests"
urlpatterns = [path("", views.home, name="home"), path("write/", views.write, name="write")]
