from django.urls import path

from tenant_apps.history import views

app_name = "history"
urlpatterns = [
    path("", views.list, name="list"),
    path("export/", views.export, name="export"),
    path("<slug:module>/<slug:model>/<str:key>/", views.record, name="record"),
]
