"""Plan and payment, on a workspace's own host, below /workspace/billing/."""

from django.urls import path

from billing import views_client as views

app_name = "billing"
urlpatterns = [
    path("", views.home, name="home"),
    path("next/", views.next_amount, name="next"),
    path("order/", views.order, name="order"),
    path("done/", views.done, name="done"),
    path("change/", views.change, name="change"),
    path("coupon/", views.coupon, name="coupon"),
    path("cancel/", views.cancel, name="cancel"),
    path("resume/", views.resume, name="resume"),
    path("means/", views.means, name="means"),
    path("details/", views.details, name="details"),
]
