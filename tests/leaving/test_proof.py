"""The whole end, committed: the data's day comes, the contact person erases the rest, and the link shows the proof."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import end_of
from tenants import certificate
from tenants.keys import KeyStore
from tenants.models import Departure, Tenant
from tests.leaving.conftest import fresh, link, text_of
from tests.tenants.test_leave import enforce, leaver, notice
from tests.toys.fixtures import committed

__all__ = ["committed", "leaver"]


@pytest.mark.commits
def test_the_mailed_link_shows_the_proof_once_everything_is_erased(
    leaver: Tenant, browser: Callable[..., Browser]
) -> None:
    contact = browser("app.smoall.localhost")
    given: Departure = notice(leaver)
    enforce(end_of(given.data_on))
    given = fresh(given)
    assert given.data_erased_at
    with scope.shared():
        company = Client.objects.get(pk=leaver.client_id).company
    address = link(given)
    saved = contact.get(f"{address}data.json")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="smoall-certificate-data.json"'
    assert contact.post(f"{address}erase/", {"typed_name": company}).status_code == 302
    enforce(timezone.now() + timedelta(seconds=1))
    assert fresh(given).contacts_erased_at
    assert contact.get(f"{address}progress/").headers["HX-Refresh"] == "true"
    page: Any = contact.get(address)
    assert page.status_code == 200
    assert "Certificate of erasure" in text_of(page) and "by the contact person" in text_of(page)
    assert company not in text_of(page)
    for kind in ("data", "contacts"):
        answer = contact.get(f"{address}{kind}.json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        certificate.verify(answer.content, KeyStore.default().public_keys())
        assert company not in json.dumps(json.loads(answer.content))
    for verb in ("correct", "day", "erase"):
        assert contact.post(f"{address}{verb}/", {"typed_name": company}).status_code == 302
    assert contact.post(f"{address}again/").status_code == 200, "it says the same, and mails nobody"
