"""The workspace itself: its copies, leaving, its end. On the workspace's own host, below /workspace/."""

from django.urls import path

from tenants.views import account, documents, holdings, leaving, persons

app_name = "workspace"
urlpatterns = [
    path("", account.home, name="home"),
    path("exports/", account.exports, name="exports"),
    path("exports/key/", account.keep_key, name="export-key"),
    path("exports/<uuid:id>/progress/", account.progress, name="export-progress"),
    path("exports/<uuid:id>/take/", account.take, name="export-take"),
    path("leave/", leaving.leave, name="leave"),
    path("leave/<uuid:id>/withdraw/", leaving.withdraw, name="leave-withdraw"),
    path("leave/<uuid:id>/<slug:category>/", leaving.day, name="leave-day"),
    path("documents/", documents.overview, name="documents"),
    path("documents/accept/", documents.accept, name="documents-accept"),
    path("documents/<slug:kind>/<slug:version>/<slug:language>/", documents.document, name="document"),
    path(
        "documents/<slug:kind>/<slug:version>/<slug:language>/changes/",
        documents.changes,
        name="document-changes",
    ),
    path("erase/", account.erase, name="erase"),
    path("holdings/", holdings.home, name="holdings"),
    path("holdings/holdings.json", holdings.download, name="holdings-download"),
    path("holdings/contact-details/", holdings.correct, name="holdings-correct"),
    path("erase-person/", persons.search, name="erase-person"),
    path(
        "erase-person/<slug:module>/<slug:model>/<uuid:id>/",
        persons.preview,
        name="erase-person-preview",
    ),
    path("erase-person/<slug:module>/<slug:model>/<uuid:id>/ask/", persons.ask, name="erase-person-ask"),
    path("erase-person/asked/<uuid:id>/", persons.asked, name="erase-person-asked"),
    path("erase-person/asked/<uuid:id>/cancel/", persons.cancel, name="erase-person-cancel"),
]
