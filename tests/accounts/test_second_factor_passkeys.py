"""P22, P23: a passkey answers one question, once, on its own host, after the person showed that it is them."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from shared_apps.accounts.models import Passkey, RecoveryCodes, User
from shared_apps.history.models import LogEntry
from tests.accounts.device import PRESENT, VERIFIED, Device
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]
SECOND, ADD = "/sign-in/second/", "/me/factors/passkeys/add/"


def question(here: Browser, address: str) -> str:
    page = here.get(address).content.decode()
    found = re.search(r'data-options="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


def add(here: Browser, device: Device, name: str = "Telephone") -> Any:
    return here.post(ADD, {"name": name, "credential": device.create(question(here, ADD))})


@pytest.fixture
def device(acme: Cast, browser: Open) -> Device:
    """The colleague's telephone, added."""
    made = Device()
    answer = add(browser(acme, acme.colleague), made)
    assert "recovery codes" in answer.content.decode()
    return made


def waiting(cast: Cast, person: User, browser: Open) -> Browser:
    here = browser(cast)
    answer = here.post("/sign-in/", {"email": person.email, "password": PASSWORD})
    assert answer.headers["Location"] == SECOND
    return here


def is_in(here: Browser) -> bool:
    return here.get("/me/").status_code == 200


def test_P23_a_passkey_signs_in_after_the_password(acme: Cast, browser: Open, device: Device) -> None:
    here = waiting(acme, acme.colleague, browser)
    assert not is_in(here)
    answer = device.get(question(here, SECOND))
    assert here.post(SECOND, {"code": answer}).status_code == 302 and is_in(here)
    with acme.inside():
        key = Passkey.objects.get()
        assert (key.name, key.host, key.sign_count) == ("Telephone", "acme.smoall.localhost", 2)
        assert key.transports == ["internal"] and key.used_at and RecoveryCodes.objects.get().left == 10
        entry = LogEntry.objects.filter(content_type__model="passkey").get()
        assert entry.actor_id == str(acme.colleague.pk) and "public_key" not in entry.changes


def test_what_is_asked_names_this_host_and_wants_the_person_verified(acme: Cast, browser: Open) -> None:
    said = json.loads(question(browser(acme, acme.colleague), ADD))
    assert said["rp"]["id"] == "acme.smoall.localhost"
    assert said["authenticatorSelection"]["userVerification"] == "required"
    assert "authenticatorAttachment" not in said["authenticatorSelection"]  # platform and roaming alike
    assert said["attestation"] == "none"


def test_an_answer_is_good_once_and_only_for_its_own_question(
    acme: Cast, browser: Open, device: Device
) -> None:
    here = waiting(acme, acme.colleague, browser)
    asked = question(here, SECOND)
    stolen = device.get(asked)
    there = waiting(acme, acme.colleague, browser)
    assert there.post(SECOND, {"code": stolen}).status_code == 200  # asked elsewhere
    question(there, SECOND)
    assert there.post(SECOND, {"code": stolen}).status_code == 200
    assert here.post(SECOND, {"code": stolen}).status_code == 302
    assert here.post(SECOND, {"code": stolen}).status_code == 302 and is_in(here)  # signed in already
    again = waiting(acme, acme.colleague, browser)
    assert again.post(SECOND, {"code": stolen}).status_code == 200 and not is_in(again)


@pytest.mark.parametrize("lie", ["origin", "flags", "key", "count", "host", "truncated"])
def test_a_false_answer_is_refused(acme: Cast, browser: Open, device: Device, lie: str) -> None:
    here = waiting(acme, acme.colleague, browser)
    asked = question(here, SECOND)
    if lie == "origin":
        device.origin = "http://zenith.smoall.localhost"
    elif lie == "flags":
        device.flags = PRESENT  # nobody's finger, face or PIN
    elif lie == "key":
        device.key = Device().key
    elif lie == "count":
        device.count = 1  # as it was when it was made: a copy of the key
    elif lie == "host":
        asked = json.dumps(json.loads(asked) | {"rpId": "smoall.localhost"})
    answer = device.get(asked)
    answer = answer[:-20] if lie == "truncated" else answer
    assert "The passkey was not accepted" in here.post(SECOND, {"code": answer}).content.decode()
    assert not is_in(here)


def test_another_persons_passkey_opens_nothing(acme: Cast, browser: Open, device: Device) -> None:
    theirs = Device()
    add(browser(acme, acme.admin), theirs, "Key")
    here = waiting(acme, acme.colleague, browser)
    assert here.post(SECOND, {"code": theirs.get(question(here, SECOND))}).status_code == 200


def test_a_device_without_verification_or_of_another_place_is_not_added(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    for wrong in (Device(flags=PRESENT), Device(flags=VERIFIED), Device(origin="https://evil.test")):
        assert "could not be added" in add(here, wrong).content.decode()
    stale = Device().create(question(here, ADD))
    question(here, ADD)
    assert "could not be added" in here.post(ADD, {"name": "x", "credential": stale}).content.decode()
    for broken in ("", "{", "[]", '{"id": 1}', '{"response": null}', "x" * 30_000):
        question(here, ADD)
        assert here.post(ADD, {"name": "x", "credential": broken}).status_code == 200
    with acme.inside():
        assert not Passkey.objects.exists()


def test_the_same_device_is_not_added_twice(acme: Cast, browser: Open, device: Device) -> None:
    here = waiting(acme, acme.colleague, browser)
    here.post(SECOND, {"code": device.get(question(here, SECOND))})
    asked = question(here, ADD)
    assert len(json.loads(asked)["excludeCredentials"]) == 1
    assert (
        "known already" in here.post(ADD, {"name": "x", "credential": device.create(asked)}).content.decode()
    )


def test_a_passkey_is_renamed_and_removed_by_its_own_person_alone(
    acme: Cast, browser: Open, device: Device
) -> None:
    with acme.inside():
        key = Passkey.objects.get()
    other = browser(acme, acme.owner)
    for verb in ("rename", "remove"):
        assert other.post(f"/me/factors/passkeys/{key.pk}/{verb}/", {"name": "Mine"}).status_code == 404
    here = waiting(acme, acme.colleague, browser)
    here.post(SECOND, {"code": device.get(question(here, SECOND))})
    here.post(f"/me/factors/passkeys/{key.pk}/rename/", {"name": "Blue\nkey"})
    with acme.inside():
        assert Passkey.objects.get().name == "Blue key"
    here.post(f"/me/factors/passkeys/{key.pk}/remove/")
    with acme.inside():
        assert not Passkey.objects.exists() and not RecoveryCodes.objects.exists()
    assert is_in(browser(acme, acme.colleague))


def test_sensitive_forms_take_a_passkey(acme: Cast, browser: Open, device: Device) -> None:
    here = waiting(acme, acme.colleague, browser)
    here.post(SECOND, {"code": device.get(question(here, SECOND))})
    body = {"current": PASSWORD, "password": "seven quiet herons fly"}
    assert here.post("/me/password/", body).status_code == 200
    answer = device.get(question(here, "/me/password/"))
    assert here.post("/me/password/", {**body, "code": answer}).status_code == 302
