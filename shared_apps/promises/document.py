"""The results as one signed document: `<data>/promises.json`, written by a worker, read by the website without a row.

Canonical JSON of {format, version, domain, release, generated_at, promises, key_id} with the Ed25519 `signature` of all
the rest. It holds every language, so that a stranger reads what a visitor does; the standing of a promise is not in it,
since that depends on the clock of whoever reads.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import translation

from shared_apps.kit import languages
from shared_apps.kit.hosts import host_url
from shared_apps.promises.catalogue import PROMISES, Look, Promise, Standing, standing
from shared_apps.promises.checking import Check, checks_of
from shared_apps.promises.models import Proof
from tenants import canonical
from tenants.keys import BadKey, KeyStore, Signature, verify

FORMAT, VERSION = "smoall-promises", 1
MOST_BYTES = 4_000_000


class NotPublished(Exception):
    """There is no document, or one that is not ours as it was written."""


def path() -> Path:
    return Path(settings.SMOALL_DATA) / "promises.json"


# --- writing ----------------------------------------------------------------------------------------------


def publish(now: datetime) -> None:
    """Sign what the last looks saw and put it where the website reads: whole or not at all. In the shared scope."""
    content = canonical.dumps(signed(build(Proof.latest(), now=now)))
    draft = path().with_name(f".promises.json-{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path())
    finally:
        draft.unlink(missing_ok=True)


def build(latest: Mapping[tuple[str, str], Proof], *, now: datetime) -> dict[str, Any]:
    """The document without its signature."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "domain": settings.SMOALL_DOMAIN,
        "website": host_url(""),
        "release": settings.SMOALL_RELEASE,
        "generated_at": _moment(now),
        "promises": [_promise(each, latest) for each in PROMISES],
    }


def _promise(promise: Promise, latest: Mapping[tuple[str, str], Proof]) -> dict[str, Any]:
    return {
        "id": promise.id,
        "section": promise.section,
        "sentence": _in_all(promise.sentence),
        "kept_by": _in_all(promise.kept_by),
        "not_proven": _in_all(promise.not_proven),
        "arrives_with": promise.arrives_with,
        "untested": _in_all(promise.untested) if promise.untested else {},
        "checks": [_check(each, latest.get((promise.id, each.name))) for each in checks_of(promise.id)],
    }


def _check(check: Check, proof: Proof | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": check.name, "title": _in_all(check.title), "last": None}
    if proof:
        found["last"] = {
            "result": proof.result,
            "at": _moment(proof.at),
            "seen": _in_all(lambda: proof.said),
            "numbers": proof.numbers,
            "milliseconds": proof.milliseconds,
            "release": proof.release,
        }
    return found


def _in_all(text: Any) -> dict[str, str]:
    """A lazily translated text, or what a function says, in every language of the website."""
    found = {}
    for code in languages.of_website():
        with translation.override(code):
            found[code] = str(text() if callable(text) else text)
    return found


def signed(values: Mapping[str, Any]) -> dict[str, Any]:
    keys = KeyStore.default()
    named = {**values, "key_id": keys.signing_key_id()}
    signature = keys.sign(canonical.dumps(named), key_id=named["key_id"])
    return {**named, "signature": signature.value}


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds")


# --- reading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A promise as a page shows it: `facts` from the document, in one language, and where it stands at this moment."""

    facts: dict[str, Any]
    checks: list[dict[str, Any]]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Published:
    content: bytes  # as it was signed
    values: dict[str, Any]

    @property
    def generated_at(self) -> datetime:
        return datetime.fromisoformat(self.values["generated_at"])


_known: tuple[tuple[int, int, int], Published] | None = None


def read() -> Published:
    """The document, its signature verified; from memory while the file is the same. Raises NotPublished. Reads no row."""
    global _known
    try:
        state = path().stat()
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if _known and _known[0] == stamp:
            return _known[1]
        if state.st_size > MOST_BYTES:
            raise NotPublished
        published = verified(path().read_bytes())
    except OSError as error:
        raise NotPublished from error
    _known = (stamp, published)
    return published


def verified(content: bytes) -> Published:
    """Raises NotPublished unless one of our keys signed exactly this."""
    try:
        values = canonical.loads(content)
        rest = {name: value for name, value in values.items() if name != "signature"}
        signature = Signature(values["key_id"], values["signature"])
        verify(canonical.dumps(rest), signature, KeyStore.default().public_keys())
    except (canonical.NotCanonical, BadKey, KeyError, TypeError, AttributeError) as error:
        raise NotPublished from error
    return Published(content, values)


def shown(values: Mapping[str, Any], *, language: str, now: datetime) -> list[Shown]:
    """Every promise of the catalogue, with what the document says of it."""
    said = {each["id"]: each for each in values.get("promises", ())}
    return [_shown(promise, said.get(promise.id, {}), language, now) for promise in PROMISES]


def _shown(promise: Promise, said: Mapping[str, Any], language: str, now: datetime) -> Shown:
    checks = [_as_shown(each, language) for each in said.get("checks", ())]
    if not checks:
        checks = [{"name": each.name, "title": each.title, "last": None} for each in checks_of(promise.id)]
    looks = {one["name"]: _look(one["last"]) for one in checks}
    facts = {
        "id": promise.id,
        "section": promise.section,
        "sentence": promise.sentence,
        "kept_by": promise.kept_by,
        "not_proven": promise.not_proven,
        "arrives_with": promise.arrives_with,
        "untested": promise.untested,
    }
    return Shown(facts, checks, standing(promise, looks, now))


def _as_shown(check: Mapping[str, Any], language: str) -> dict[str, Any]:
    last = check["last"]
    if last:
        at = datetime.fromisoformat(last["at"])
        last = {**last, "at": at, "seen": _of(last["seen"], language)}
    return {"name": check["name"], "title": _of(check["title"], language), "last": last}


def _look(last: Mapping[str, Any] | None) -> Look | None:
    return Look(last["result"], last["at"]) if last else None


def _of(texts: Mapping[str, str], language: str) -> str:
    """What a document says in a language; in English where it was written before that language was there."""
    return texts.get(language) or texts.get("en", "")


def empty() -> dict[str, Any]:
    """What stands in for a document that is not there."""
    return {"promises": []}
