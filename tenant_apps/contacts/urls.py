"""Addresses of contacts, under contacts/."""

from django.urls import path

from tenant_apps.contacts.views import attachments, contacts, imports, tags

app_name = "contacts"
urlpatterns = [
    path("", contacts.contacts, name="list"),
    path("new/", contacts.create, name="create"),
    path("duplicates/", contacts.duplicates, name="duplicates"),
    path("companies/", contacts.companies, name="companies"),
    path("many/", contacts.many, name="many"),
    path("export/", contacts.export, name="export"),
    path("tags/", tags.tags, name="tags"),
    path("tags/<uuid:id>/", tags.change, name="tag"),
    path("tags/<uuid:id>/remove/", tags.remove, name="remove-tag"),
    path("import/", imports.upload, name="import"),
    path("import/example/", imports.example, name="import-example"),
    path("import/<uuid:id>/", imports.preview, name="import-preview"),
    path("import/<uuid:id>/columns/", imports.columns, name="import-columns"),
    path("import/<uuid:id>/progress/", imports.progress, name="import-progress"),
    path("import/<uuid:id>/report/", imports.report, name="import-report"),
    path("import/<uuid:id>/commit/", imports.commit, name="import-commit"),
    path("import/<uuid:id>/cancel/", imports.cancel, name="import-cancel"),
    path("<uuid:id>/", contacts.contact, name="record"),
    path("<uuid:id>/edit/", contacts.edit, name="edit"),
    path("<uuid:id>/archive/", contacts.archive, name="archive"),
    path("<uuid:id>/restore/", contacts.restore, name="restore"),
    path("<uuid:id>/delete/", contacts.delete, name="delete"),
    path("<uuid:id>/attach/", attachments.attach, name="attach"),
    path("<uuid:id>/attachments/<uuid:attachment>/", attachments.download, name="attachment"),
    path("<uuid:id>/attachments/<uuid:attachment>/remove/", attachments.remove, name="remove-attachment"),
]
