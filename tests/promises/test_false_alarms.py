"""What looks like a fault and is none: a client's own words, work that commits meanwhile, a container, another release."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.promises import checking
from shared_apps.promises.checks import doors, held, leaving
from shared_apps.promises.checks.billing import is_card
from shared_apps.promises.models import Proof
from tenants.keys import KeyStore
from tenants.models import Export, Tenant
from tenants.views import holdings
from tests.conftest import TESTER, Cast
from tests.promises.conftest import looked


def test_P39_words_of_a_client_lock_no_field(acme: Cast) -> None:
    words = {"company": "Foundation for disabled people", "street": 'Rue readonly 1" disabled name="phone'}
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=acme.tenant.client_id).update(**words)
    seen = looked("details-can-be-changed")
    assert seen.state == "kept", seen


@pytest.mark.parametrize(
    "body",
    [
        '<fieldset disabled><input name="city"></fieldset>',
        '<input type="hidden" name="city">',
        '<textarea name="city" readonly></textarea>',
    ],
)
def test_P39_a_field_that_is_there_and_closed_is_seen(body: str) -> None:
    assert held.fields_of(f'{body}<input name="phone">') == {"city": False, "phone": True}


@pytest.fixture
def listening_to_everybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What gunicorn does in a container: on every address, at the port of our pages."""
    file = tmp_path / "tcp"
    file.write_text("  sl  local_address rem_address   st\n   0: 00000000:1F40 00000000:0000 0A 0\n")
    monkeypatch.setattr(doors, "SOCKETS", [file])
    monkeypatch.setattr(settings, "SMOALL_WEB", "http://127.0.0.1:8000")


def test_P27_sockets_of_a_container_say_nothing_of_the_machines_doors(
    acme: Cast, listening_to_everybody: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looked("doors-are-closed").state == "broken", "on a machine they do"
    monkeypatch.setattr(settings, "SMOALL_IN_CONTAINER", True)
    seen = looked("doors-are-closed")
    assert seen.state == "kept" and "not looked at" in seen.seen, seen
    assert len(seen.seen) <= (Proof._meta.get_field("seen").max_length or 0)
    assert "SMOALL_IN_CONTAINER=1" in (Path(settings.BASE_DIR) / "Dockerfile").read_text()


def test_P27_where_no_service_of_ours_is_the_result_says_so(
    acme: Cast, listening_to_everybody: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "own_services", set)
    assert "not looked at" in looked("doors-are-closed").seen


def test_P06_a_workspace_of_another_release_has_a_history_elsewhere(acme: Cast) -> None:
    with scope.owner(tenant=acme.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER history ON contacts_contact")
    assert looked("history-is-written-by-the-database").state == "broken"
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(release="0.0.1")
    assert looked("history-is-written-by-the-database").state == "kept"


def test_P15_the_number_of_a_french_company_is_no_card() -> None:
    assert not [digit for digit in range(10) if is_card(f"3032650450001{digit}")]
    assert [digit for digit in range(10) if is_card(f"400000739184693{digit}")]


def test_P38_a_workspace_that_goes_while_its_page_is_made_is_passed_over(db: None) -> None:
    gone = Tenant(id=uuid7())
    pages = lambda: held.page_of(holdings.home, "workspace:holdings", "en")  # noqa: E731
    assert list(checking.Round(timezone.now()).in_share(pages, only=[gone])) == []


def test_P26_a_workspace_that_opens_while_keys_are_listed_has_one(
    acme: Cast, zenith: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys that were there a moment ago: of a workspace that only just opened there was none."""
    listed: list[Any] = []
    look, listing = leaving.Tenant.objects.exclude, KeyStore.listing
    monkeypatch.setattr(leaving.Tenant.objects, "exclude", lambda **k: listed.append("rows") or look(**k))
    monkeypatch.setattr(KeyStore, "listing", lambda self: listed.append("keys") or listing(self))
    assert looked("copies-are-encrypted").state == "kept" and listed == ["rows", "keys"]


def test_P29_a_copy_that_is_taken_while_others_are_read_is_not_missing(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scope.shared(actor=TESTER):
        one = Export.objects.create(
            tenant_uuid=acme.id, requested_by={"role": "owner"}, recipient="age", ready_at=timezone.now(),
            expires_at=timezone.now() + timedelta(days=3), size=10, sha256="0" * 64,
        )  # fmt: skip

    def take(*_place: Any) -> Path:
        with scope.shared(actor=TESTER):
            Export.objects.filter(pk=one.pk).update(taken_at=timezone.now())
        return Path(settings.SMOALL_DATA) / "nowhere"

    monkeypatch.setattr(leaving, "folder", take)
    assert looked("copies-are-whole").state == "kept"


@contextmanager
def elsewhere() -> Iterator[Any]:
    """Another connection, whose work is committed at once."""
    other = connection.copy()
    try:
        yield other
    finally:
        other.close()


def test_a_look_sees_one_moment_whatever_commits_meanwhile(committing: None) -> None:
    count = "SELECT count(*) FROM clients_client"
    with elsewhere() as other, checking.reading(scope.shared()):
        ((before,),) = checking.rows(count)
        with scope.acting(TESTER), other.cursor() as cursor:
            cursor.execute("UPDATE clients_client SET city = 'Meanwhile'")
        assert not Client.objects.filter(city="Meanwhile").exists()
        assert checking.rows(count) == [(before,)]
    with scope.shared():
        assert Client.objects.filter(city="Meanwhile").count() == before
