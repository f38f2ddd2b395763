"""The commands about leaving: what they print, as JSON and for people, their exit codes, and what they refuse."""

import json
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, plus_months
from tenants import departure
from tenants.models import Departure, Instruction, State, Tenant
from tests.conftest import TESTER
from tests.leaving.stage import OLGA, again, quiet, workspace

__all__ = ["quiet"]
TODAY = day_of(timezone.now())


def run(name: str, *arguments: object) -> dict[str, Any]:
    out = StringIO()
    call_command(name, *map(str, arguments), "--json", stdout=out)
    return dict(json.loads(out.getvalue()))


def said(name: str, *arguments: object) -> str:
    out = StringIO()
    call_command(name, *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def leaver(quiet: None) -> Tenant:
    return workspace()


def is_untouched(tenant: Tenant) -> bool:
    found = again(tenant)
    with scope.shared():
        return found is not None and found.state == State.ACTIVE and not Departure.objects.exists()


def test_P35_P36_leaving_fixes_two_days_and_says_them(leaver: Tenant) -> None:
    made = run("leave_client", leaver.subdomain)
    assert made["subdomain"] == leaver.subdomain
    assert made["data_on"] == str(plus_months(TODAY, 3)) and made["contacts_on"] == str(
        plus_months(TODAY, 12)
    )
    with scope.shared():
        one = Departure.objects.get()
        assert (str(one.pk), one.noticed_by["role"]) == (made["departure"], "operator")
    with pytest.raises(CommandError, match="Notice was given already"):
        run("leave_client", leaver.subdomain)


def test_P37_other_days_and_a_proof_are_kept(leaver: Tenant, tmp_path: Path) -> None:
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.4 we leave")
    data, contacts = TODAY + timedelta(days=30), TODAY + timedelta(days=500)
    text = said(
        "leave_client", leaver.subdomain, "--data-on", data, "--contacts-on", contacts, "--proof", letter
    )
    assert (
        text
        == f"{leaver.subdomain} leaves: data until the end of {data}, contact details until the end of {contacts}.\n"
    )
    with scope.shared():
        (told,) = Instruction.objects.all()
        assert told.proof.read() == b"%PDF-1.4 we leave" and told.proof_type == "application/pdf"
        assert "letter" not in str(told.proof.name)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--data-on", TODAY), "Choose a day from"),
        (("--data-on", TODAY - timedelta(days=1)), "Choose a day from"),
        (("--data-on", plus_months(TODAY, 120) + timedelta(days=1)), "Choose a day from"),
        (("--contacts-on", date.max), "Choose a day from"),
        (("--contacts-on", date.min), "Choose a day from"),
        (("--data-on", "2027-02-30"), "is no day"),
        (("--data-on", "soon"), "is no day"),
        (("--data-on", ""), "is no day"),
        (("--data-on", "20270301"), "is no day"),
        (("--contacts-on", "2027-W01-1"), "is no day"),
        (("--proof", "missing.pdf"), "No such file"),
        (("--proof", "."), "directory"),
    ],
)
def test_odd_input_is_refused_in_a_sentence_and_nothing_is_changed(
    leaver: Tenant, arguments: tuple[object, ...], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        run("leave_client", leaver.subdomain, *arguments)
    assert is_untouched(leaver)


@pytest.mark.parametrize(
    ("name", "content"), [("letter.exe", b"MZ"), ("letter.pdf", b"no PDF"), ("letter.pdf", b"")]
)
def test_a_proof_that_cannot_be_kept_is_refused_in_a_sentence(
    leaver: Tenant, tmp_path: Path, name: str, content: bytes
) -> None:
    letter = tmp_path / name
    letter.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        run("leave_client", leaver.subdomain, "--proof", letter)
    assert refused.value.returncode == 1 and "[" not in str(refused.value)
    assert is_untouched(leaver)


@pytest.mark.parametrize("command", ["leave_client", "withdraw_notice"])
def test_an_unknown_client_is_refused_with_its_name(quiet: None, command: str) -> None:
    with pytest.raises(CommandError, match="nobody-here") as refused:
        run(command, "nobody-here")
    assert refused.value.returncode == 1


def test_a_withdrawn_notice_leaves_the_client_as_it_was(leaver: Tenant) -> None:
    with pytest.raises(CommandError, match="no notice to withdraw"):
        run("withdraw_notice", leaver.subdomain)
    run("leave_client", leaver.subdomain)
    assert run("withdraw_notice", leaver.subdomain) == {"subdomain": leaver.subdomain, "state": "active"}
    with scope.shared(actor=TESTER):
        Tenant.locked(leaver.id).suspend(reason="not paid", now=timezone.now())
    run("leave_client", leaver.subdomain)
    assert said("withdraw_notice", leaver.subdomain) == f"{leaver.subdomain} stays, and is suspended.\n"


def test_who_leaves_is_listed_and_who_has_stayed_on_request(leaver: Tenant) -> None:
    assert said("list_departures") == "Nobody leaves.\n"
    other = workspace()
    with scope.acting(OLGA):
        departure.give_notice(leaver.id, now=timezone.now())
        departure.give_notice(other.id, now=timezone.now())
        departure.withdraw(other.id, now=timezone.now())
    (shown,) = run("list_departures")["departures"]
    assert (shown["tenant"], shown["company"]) == (str(leaver.id), leaver.client.company)
    assert shown["data_on"] == str(plus_months(TODAY, 3)) and shown["data_erased_at"] is None
    assert len(run("list_departures", "--all")["departures"]) == 2
    text = said("list_departures", "--all")
    assert text.count("withdrawn") == 1 and f"data until {plus_months(TODAY, 3)}" in text
