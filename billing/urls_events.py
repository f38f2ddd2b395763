"""On app.: where the payment processor's messages arrive."""

from django.urls import path

from billing import views_events

app_name = "billing-events"
urlpatterns = [path("events/", views_events.receive, name="receive")]
