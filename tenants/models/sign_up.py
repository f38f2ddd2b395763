"""What somebody typed who wants a workspace, or looks for theirs; it goes once that is done."""

from django.db import models
from django.utils import timezone

from shared_apps.kit.rows import Row


class SignUp(Row):
    """A company that asked for a workspace; holds the name for 24 hours, vanishes when not confirmed."""

    company = models.CharField(max_length=200)
    vat_number = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    language = models.CharField(max_length=5)
    subdomain = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField()
    terms_version = models.CharField(
        max_length=20, blank=True
    )  # empty: made by an operator, accepted at the first visit
    terms_language = models.CharField(max_length=5, blank=True)  # in which the terms were shown
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)


class WorkspaceSearch(Row):
    """Somebody asked for the workspaces of an address; the row waits for its mail and goes with it (sign_up.py)."""

    email = models.EmailField()
    language = models.CharField(max_length=5)
    created_at = models.DateTimeField(default=timezone.now)
