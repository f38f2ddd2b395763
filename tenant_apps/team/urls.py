"""Addresses of the team, under team/."""

from django.urls import path

from tenant_apps.team import views

app_name = "team"
urlpatterns = [
    path("", views.people, name="list"),
    path("invite/", views.invite, name="invite"),
    path("<uuid:id>/", views.person, name="person"),
    path("<uuid:id>/role/", views.change_role, name="change-role"),
    path("<uuid:id>/deactivate/", views.deactivate, name="deactivate"),
    path("<uuid:id>/reactivate/", views.reactivate, name="reactivate"),
    path("<uuid:id>/reset-factors/", views.reset_factors, name="reset-factors"),
    path("<uuid:id>/resend/", views.resend, name="resend"),
    path("<uuid:id>/withdraw/", views.withdraw, name="withdraw"),
    path("<uuid:id>/sessions/<uuid:sign_in>/revoke/", views.revoke, name="revoke"),
]
