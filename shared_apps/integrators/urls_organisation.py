"""An integrator's own page and colleagues, on app., under organisation/."""

from django.urls import path

from shared_apps.integrators import views_organisation as views

app_name = "organisation"
urlpatterns = [
    path("", views.home, name="home"),
    path("edit/", views.edit, name="edit"),
    path("invite/", views.invite, name="invite"),
    path("people/<uuid:id>/resend/", views.resend, name="resend"),
    path("people/<uuid:id>/withdraw/", views.withdraw, name="withdraw"),
    path("people/<uuid:id>/deactivate/", views.deactivate, name="deactivate"),
    path("people/<uuid:id>/reactivate/", views.reactivate, name="reactivate"),
]
