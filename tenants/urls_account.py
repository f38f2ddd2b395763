"""The workspace itself: its copies, leaving, its end. On the workspace's own host, below /workspace/."""

from django.urls import path

from tenants import views_account, views_documents, views_holdings, views_leaving, views_persons

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
    path("documents/", views_documents.overview, name="documents"),
    path("documents/accept/", views_documents.accept, name="documents-accept"),
    path("documents/<slug:kind>/<slug:version>/<slug:language>/", views_documents.document, name="document"),
    path(
        "documents/<slug:kind>/<slug:version>/<slug:language>/changes/",
        views_documents.changes,
        name="document-changes",
    ),
    path("erase/", views_account.erase, name="erase"),
    path("holdings/", views_holdings.home, name="holdings"),
    path("holdings/holdings.json", views_holdings.download, name="holdings-download"),
    path("holdings/contact-details/", views_holdings.correct, name="holdings-correct"),
    path("erase-person/", views_persons.search, name="erase-person"),
    path(
        "erase-person/<slug:module>/<slug:model>/<uuid:id>/",
        views_persons.preview,
        name="erase-person-preview",
    ),
    path(
        "erase-person/<slug:module>/<slug:model>/<uuid:id>/ask/", views_persons.ask, name="erase-person-ask"
    ),
    path("erase-person/asked/<uuid:id>/", views_persons.asked, name="erase-person-asked"),
    path("erase-person/asked/<uuid:id>/cancel/", views_persons.cancel, name="erase-person-cancel"),
]
