"""Who saw a client's information, on its own host, under workspace/disclosures/."""

from django.urls import path

from shared_apps.sharing import views

app_name = "disclosures"
urlpatterns = [path("", views.home, name="home")]
