"""The page, the signed document and the program for strangers; all from a file, without reading a row."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.promises import document, jobs, verifiers
from shared_apps.promises.catalogue import PROMISES
from shared_apps.promises.checking import checks_of
from shared_apps.promises.models import Proof
from shared_apps.promises.verifiers import verify_promises
from tenants import canonical
from tenants.keys import KeyStore
from tests.conftest import Cast

HOST = "smoall.localhost"


def proofs(*, at: datetime, **results: str) -> list[Proof]:
    """One for each check of each promise, kept unless `P12="broken"` says otherwise."""
    return [
        Proof(
            promise=promise.id, check_name=check.name, result=results.get(promise.id, "kept"), at=at, release="0.1.0",
            seen="Errors: %(errors)s; warnings: %(warnings)s.", numbers={"errors": 0, "warnings": 7}, milliseconds=12,
        )
        for promise in PROMISES for check in checks_of(promise.id)
    ]  # fmt: skip


def publish(*, at: datetime, **results: str) -> None:
    jobs.keep(proofs(at=at, **results), now=at)


@pytest.fixture
def visitor(db: None, browser: Callable[..., Browser]) -> Iterator[Browser]:
    yield browser(HOST)
    document._known = None


def shown(visitor: Browser, language: str = "en") -> str:
    def refuse(*args: object) -> None:
        raise AssertionError(f"a query on the website: {args[1]!r}")

    with connection.execute_wrapper(refuse):
        answer = visitor.get("/promises/", headers={"accept-language": language})
    assert answer.status_code == 200
    assert not answer.cookies
    return answer.content.decode()


def card(page: str, id: str) -> str:
    """The markup of one promise."""
    start = page.index(f'id="{id}"')
    return page[page.rindex("<li", 0, start) : page.index("</li>", start)]


def test_without_a_file_nothing_is_proven_and_every_promise_is_there(visitor: Browser) -> None:
    page = shown(visitor)
    assert "Nothing is proven yet." in page
    assert all(f'id="{promise.id}"' in page for promise in PROMISES)
    assert "promise-kept" not in page.split("<nav", 2)[2]
    assert visitor.get("/promises.json").status_code == 404


def test_P01_to_P44_stand_on_the_page_with_their_looks(visitor: Browser) -> None:
    publish(at=timezone.now())
    page = shown(visitor)
    assert "promise-kept" in card(page, "P12") and "kept" in card(page, "P12")
    assert "Errors: 0; warnings: 7." in card(page, "P12") and "release 0.1.0" in card(page, "P12")
    assert "What this does not prove" in card(page, "P12")
    assert "arrives with backups" in card(page, "P28") and "promise-later" in card(page, "P28")
    assert "promise-later" in card(page, "P26"), "a look alone doesn't make it green"
    assert "promise-kept" in card(page, "P03")
    assert "Erreurs : 0" in shown(visitor, "fr").replace("\N{NO-BREAK SPACE}", " ")


def test_the_document_says_all_it_says_in_each_language_of_the_website(visitor: Browser) -> None:
    publish(at=timezone.now())
    for promise in document.read().values["promises"]:
        texts = [promise["sentence"], promise["kept_by"], promise["not_proven"]]
        texts += [each["title"] for each in promise["checks"]] + [
            each["last"]["seen"] for each in promise["checks"]
        ]
        for text in texts:
            assert len(set(text.values())) == len(settings.WEBSITE_LANGUAGES), text
    assert "Fouten: 0; waarschuwingen: 7." in card(shown(visitor, "nl"), "P12")
    assert "Was das nicht beweist" in card(shown(visitor, "de"), "P12")


def test_a_broken_promise_is_red_in_words_and_picture_too(visitor: Browser) -> None:
    publish(at=timezone.now(), P12="broken")
    assert "promise-broken" in card(shown(visitor), "P12") and "broken</span>" in card(shown(visitor), "P12")
    assert "promise-kept" in card(shown(visitor), "P11")


def test_a_proof_older_than_a_day_proves_nothing_at_the_time_of_reading(visitor: Browser) -> None:
    publish(at=timezone.now() - timedelta(hours=25))
    assert "promise-stale" in card(shown(visitor), "P12") and "out of date" in card(shown(visitor), "P12")


def test_a_look_that_could_not_see_proves_nothing(visitor: Browser) -> None:
    publish(at=timezone.now(), P12="unknown")
    assert "promise-unproven" in card(shown(visitor), "P12")


def test_a_file_that_somebody_edited_is_not_shown(visitor: Browser) -> None:
    publish(at=timezone.now(), P12="broken")
    path = document.path()
    path.write_bytes(path.read_bytes().replace(b'"result":"broken"', b'"result":"kept"'))
    assert "Nothing is proven yet." in shown(visitor)
    assert visitor.get("/promises.json").status_code == 404


def test_the_file_is_replaced_whole_and_leaves_no_draft(db: None) -> None:
    publish(at=timezone.now() - timedelta(hours=1))
    first = document.path().stat().st_ino
    publish(at=timezone.now())
    assert document.path().stat().st_ino != first
    assert list(Path(settings.SMOALL_DATA).glob(".promises.json*")) == []


def test_it_names_nobody(db: None, acme: Cast) -> None:
    publish(at=timezone.now())
    assert b"acme" not in document.path().read_bytes().lower()


# --- strangers ----------------------------------------------------------------------------------------------


@pytest.fixture
def given(visitor: Browser, tmp_path: Path) -> Path:
    """A folder with what a stranger fetched: program, document, keys."""
    publish(at=timezone.now())
    for name, path in (
        ("verify_promises.py", "/verify_promises.py"),
        ("promises.json", "/promises.json"),
        ("keys.json", "/.well-known/smoall-keys.json"),
    ):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        (tmp_path / name).write_bytes(answer.content)
    assert (tmp_path / "verify_promises.py").read_bytes() == verifiers.source()
    return tmp_path


def verified(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run as a stranger would: isolated, with no package of ours."""
    command = [sys.executable, "-I", "-S", "verify_promises.py", "promises.json", "keys.json", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    return done.returncode, done.stdout + done.stderr


def test_a_stranger_finds_it_genuine_and_reads_every_promise(given: Path) -> None:
    code, said = verified(given, "--language", "fr")
    assert code == 0, said
    assert "Genuine: signed by key" in said
    assert "kept     P12  Rien n’est conservé" in said and "later    P28" in said and "kept     P03" in said


def test_the_program_and_the_page_agree_on_every_standing(given: Path) -> None:
    values = json.loads((given / "promises.json").read_text())
    for hours in (-1, 0, 23, 25, 48):
        now = timezone.now() + timedelta(hours=hours)
        said = {one["id"]: verify_promises.standing(one, now) for one in values["promises"]}
        assert said == {
            one.facts["id"]: one.standing for one in document.shown(values, language="en", now=now)
        }


@pytest.mark.parametrize("place", [0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_flipped_byte_is_noticed(given: Path, place: float) -> None:
    content = bytearray((given / "promises.json").read_bytes())
    at = int(len(content) * place)
    content[at] ^= 1
    (given / "promises.json").write_bytes(bytes(content))
    code, said = verified(given)
    assert code in (1, 2), said
    assert "Genuine" not in said


def test_an_old_document_is_no_good_news(given: Path) -> None:
    later = (timezone.now() + timedelta(hours=27)).isoformat()
    code, said = verified(given, "--at", later)
    assert code == 1
    assert "It is old" in said and "stale    P12" in said
    assert (
        verified(given, "--at", (timezone.now() - timedelta(hours=2)).isoformat())[0] == 1
    )  # made in the future


def test_another_key_is_noticed_even_when_it_comes_with_its_own_list(given: Path, tmp_path: Path) -> None:
    values = json.loads((given / "promises.json").read_text())
    own = values["key_id"]
    thief = KeyStore(tmp_path / "thief")
    thief.prepare()
    forged = {name: value for name, value in values.items() if name != "signature"} | {
        "key_id": thief.signing_key_id()
    }
    forged["signature"] = thief.sign(canonical.dumps(forged)).value
    (given / "promises.json").write_bytes(canonical.dumps(forged))
    code, said = verified(given)
    assert code == 1 and "not in the list of keys" in said
    (given / "keys.json").write_text(json.dumps(thief.public_document()))
    code, said = verified(given, "--key", own)
    assert code == 1 and f"not by {own}" in said


def test_a_broken_promise_is_told_by_the_exit_code(given: Path, visitor: Browser) -> None:
    publish(at=timezone.now() + timedelta(seconds=1), P06="broken")
    (given / "promises.json").write_bytes(visitor.get("/promises.json").content)
    code, said = verified(given)
    assert code == 1 and "Broken, says Smoall itself: P06." in said


def test_a_promise_that_was_left_out_is_noticed(given: Path) -> None:
    values = json.loads((given / "promises.json").read_text())
    rest = {name: value for name, value in values.items() if name != "signature"}
    rest["promises"] = [one for one in rest["promises"] if one["id"] != "P33"]
    (given / "promises.json").write_bytes(canonical.dumps(document.signed(rest)))
    code, said = verified(given)
    assert code == 1 and "Promises are missing." in said


def test_every_verifier_holds_the_same_ed25519() -> None:
    from tenants import verifiers as others

    def curve(source: bytes) -> bytes:
        return source[source.index(b"# --- Ed25519") : source.index(b"# --- end of Ed25519")]

    assert curve(verifiers.source()) == curve(others.source("verify_certificate.py"))


def test_rows_are_not_read_for_the_document_either(visitor: Browser) -> None:
    publish(at=timezone.now())

    def refuse(*args: object) -> None:
        raise AssertionError("a query")

    with connection.execute_wrapper(refuse), scope.nothing():
        for path in ("/promises.json", "/verify_promises.py"):
            answer: Any = visitor.get(path)
            assert answer.status_code == 200 and answer.headers["X-Robots-Tag"] == "noarchive"
