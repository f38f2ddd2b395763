"""The workspace itself: its copies, leaving, its end. On the workspace's own host, below /workspace/."""

from django.urls import path

from tenants import views_account, views_leaving

app_name = "workspace"
urlpatterns = [
    path("", views_account.home, name="home"),
    path("exports/", views_account.exports, name="exports"),
    path("exports/key/", views_account.keep_key, name="export-key"),
    path("exports/<uuid:id>/progress/", views_account.progress, name="export-progress"),
    path("exports/<uuid:id>/take/", views_account.take, name="export-take"),
    path("leave/", views_leaving.leave, name="leave"),
    path("leave/<uuid:id>/withdraw/", views_leaving.withdraw, name="leave-withdraw"),
    path("leave/<uuid:id>/<slug:category>/", views_leaving.day, name="leave-day"),
    path("erase/", views_account.erase, name="erase"),
]
