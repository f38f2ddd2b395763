"""The command that makes a client: what it prints, what it refuses, and that a kill anywhere converges."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from shared_apps.mail.models import Message
from tenants import opening, sagas, sign_up
from tenants.keys import KeyStore
from tenants.models import Saga, SignUp, Tenant
from tests.sign_up.conftest import APP, link_in, mails

ROOT = Path(__file__).resolve().parents[2]
WANTED = ("--company", "Café Noir SA", "--subdomain", "cafe-noir", "--email", "nora.noir@cafe.test")


def provision(*more: str) -> dict[str, Any]:
    out = StringIO()
    call_command("provision_client", *WANTED, "--json", *more, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_it_prints_where_the_first_owner_enters(db: None, browser: Callable[..., Browser]) -> None:
    made = provision("--vat", "0403170701", "--language", "en")
    assert made["url"] == "http://cafe-noir.smoall.localhost"
    door = urlsplit(made["enter"])
    inside = browser(door.netloc)
    typed = {"name": "Nora Noir", "password": "a sentence that is long"}
    assert inside.post(door.path, typed | {"terms": "on"}).status_code == 302
    with scope.shared():
        client = Client.objects.get(pk=made["client"])
        assert (client.vat_number, client.contact_name, client.language) == (
            "BE0403170701",
            "Nora Noir",
            "en",
        )
        assert not SignUp.objects.exists()


def test_P43_the_page_behind_the_printed_link_asks_for_the_terms_and_records_them(
    db: None, browser: Callable[..., Browser]
) -> None:
    made = provision("--language", "en")
    door = urlsplit(made["enter"])
    inside = browser(door.netloc)
    page = inside.get(door.path, headers={"accept-language": "en"}).content.decode()
    for kind in ("terms", "processing"):
        assert f"http://smoall.localhost/en/{kind}/1/" in page
    typed = {"name": "Nora Noir", "password": "a sentence that is long"}
    refused = inside.post(door.path, typed)
    assert refused.status_code == 200 and "Without the terms there is no contract" in refused.content.decode()
    with scope.shared():
        assert not Acceptance.objects.filter(client_uuid=made["client"]).exists()
    assert inside.get("/contacts/").status_code == 302, "nobody is in"
    inside.post(door.path, typed | {"terms": "on"}, headers={"accept-language": "en"})
    assert inside.get("/contacts/").status_code == 200
    with scope.shared():
        accepted = Acceptance.objects.get(client_uuid=made["client"])
    text = documents.find("terms", "1")
    assert (accepted.kind, accepted.version, accepted.language) == ("terms", "1", "en")
    assert accepted.sha256 == text.sha256("en") and accepted.accepted_at <= timezone.now()
    page = inside.get("/workspace/documents/").content.decode()
    assert accepted.sha256 in page


def test_for_people_it_says_the_same_in_two_sentences(db: None) -> None:
    out = StringIO()
    call_command("provision_client", *WANTED, stdout=out)
    assert "http://cafe-noir.smoall.localhost/enter/" in out.getvalue()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--subdomain", "acme"), "taken"),
        (("--subdomain", "ops"), "kept for Smoall"),
        (("--subdomain", "x"), "3 to 40"),
        (("--vat", "0403170702"), "check digits"),
        (("--email", "nora"), "valid email"),
        (("--country", "ZZ"), "valid choice"),
    ],
)
def test_it_refuses_with_the_reason_and_leaves_nothing(db: None, more: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        provision(*more)
    assert refused.value.returncode == 1
    with scope.shared():
        assert not SignUp.objects.exists() and not Saga.objects.exists()


def test_the_owner_accepts_the_terms_through_the_mailed_link(
    db: None, browser: Callable[..., Browser]
) -> None:
    made = provision()
    link, visitor = link_in(mails("sign_up.ready")[0]), browser(APP)
    assert visitor.get(link).status_code == 200
    assert visitor.post(f"{link}terms/").status_code == 200
    with scope.shared():
        assert not Acceptance.objects.filter(client_uuid=made["client"]).exists()
    visitor.post(f"{link}terms/", {"terms": "on"})
    with scope.shared():
        assert Acceptance.objects.filter(client_uuid=made["client"], kind="terms").count() == 1
    door = visitor.get(link).headers["Location"]
    assert door.startswith("http://cafe-noir.smoall.localhost/enter/")
    place = urlsplit(door)
    assert 'name="terms"' not in browser(place.netloc).get(place.path).content.decode(), "once is enough"


def test_a_failure_is_taken_back(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk")

    monkeypatch.setattr("tenants.provision.create", broken)
    with pytest.raises(CommandError, match="nothing was kept"):
        provision()
    with scope.shared():
        saga = Saga.objects.get()
        assert not SignUp.objects.exists() and not Client.objects.filter(company="Café Noir SA").exists()
    assert saga.status == Saga.Status.DONE and not KeyStore.default().exists(saga.subject)


@pytest.mark.commits
@pytest.mark.parametrize("point", list(sign_up.PROVISION.kill_points()))
def test_killed_anywhere_it_converges_to_one_workspace(committing: None, point: str) -> None:
    killed = subprocess.run(
        [sys.executable, "manage.py", "provision_client", *WANTED, "--json"], cwd=ROOT, text=True,
        capture_output=True, env={**os.environ, "SMOALL_KILL_AT": point}, check=False,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    with scope.shared():
        saga = Saga.objects.get(kind="provision")
    for _ in range(100):  # until the database has noticed that the process that held it is dead
        if (saga := sagas.run(saga.pk)).status != Saga.Status.RUNNING:
            break
        time.sleep(0.1)
    assert (saga.status, saga.error) == (Saga.Status.DONE, "")
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain="cafe-noir")
        assert Client.objects.filter(company="Café Noir SA").count() == 1 and not SignUp.objects.exists()
        assert Message.objects.filter(purpose="sign_up.ready").count() == 1
        assert opening.of_saga(saga.pk).stage() == opening.Stage.TERMS
    with scope.tenant(tenant.id):
        assert User.objects.get().email == "nora.noir@cafe.test"
    assert KeyStore.default().exists(tenant.id)
    assert sagas.run(saga.pk).updated_at <= timezone.now()
