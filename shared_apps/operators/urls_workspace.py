"""Smoall's team in a client's workspace, on its own host, under workspace/support/."""

from django.urls import path

from shared_apps.operators import views_workspace as views

app_name = "support"
urlpatterns = [
    path("", views.home, name="home"),
    path("rule/", views.rule, name="rule"),
    path("enter/<str:token>/", views.enter, name="enter"),
    path("leave/", views.leave, name="leave"),
    path("<uuid:id>/", views.grant, name="grant"),
    path("<uuid:id>/approve/", views.approve, name="approve"),
    path("<uuid:id>/refuse/", views.refuse, name="refuse"),
    path("<uuid:id>/end/", views.end, name="end"),
]
