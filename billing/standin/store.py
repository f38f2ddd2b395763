"""What the stand-in remembers: one SQLite file (WAL), written in one transaction a request, so that a kill loses nothing.

An object is a row with its JSON, as the interface shows it; keys that begin with "_" are the stand-in's own and never shown.
`_due` is the moment when something happens to it by itself (clock.py).
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from billing.standin import HOST, Place

VERSION = "2026-10-28.endive"
DAY = 24 * 3600
Thing = dict[str, Any]
NOBODY: Thing = {
    "id": None,
    "idempotency_key": None,
}  # whose request an event follows from: the clock's or a page's

TABLES = """
CREATE TABLE IF NOT EXISTS object (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, kind TEXT, created INTEGER,
    due INTEGER, body TEXT);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE INDEX IF NOT EXISTS object_customer ON object (kind, body ->> '$.customer');
CREATE INDEX IF NOT EXISTS object_intent ON object (kind, body ->> '$._intent');
CREATE INDEX IF NOT EXISTS object_invoice ON object (kind, body ->> '$.invoice');
CREATE INDEX IF NOT EXISTS object_due ON object (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS delivery (event TEXT PRIMARY KEY, born REAL,
    due REAL, tries INTEGER DEFAULT 0, state TEXT DEFAULT 'waiting');
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, request TEXT, status INTEGER, body TEXT, at REAL);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
"""


class Unknown(LookupError):
    """There is no such object: (kind, id)."""


class World:
    """Everything there is, and the clock. One thread at a time, inside `transaction()`."""

    def __init__(self, place: Place, real: Callable[[], float] = time.time) -> None:
        self.place = place
        self.real = real
        self.pages = f"http://{HOST}:{place.port}"
        self.news = threading.Event()  # set when there is something to deliver
        self.request: Thing = NOBODY
        self._at: int | None = None
        self._lock = threading.RLock()
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            place.folder / "standin.sqlite3", isolation_level=None, check_same_thread=False, timeout=30
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a kill loses nothing; a power cut may, the last moment
        self._database.executescript(TABLES)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; a later one waits. Inside another it is a part of that one."""
        with self._lock:
            if self._database.in_transaction:
                yield
                return
            self.sql("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.sql("ROLLBACK")
                raise
            self.sql("COMMIT")

    @contextmanager
    def as_if(self) -> Iterator[None]:
        """What happens inside is seen inside and undone at the end."""
        self.sql("SAVEPOINT as_if")
        try:
            yield
        finally:
            self.sql("ROLLBACK TO as_if")
            self.sql("RELEASE as_if")

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """A part of a transaction that is undone alone when it fails."""
        self.sql("SAVEPOINT as_one")
        try:
            yield
        except BaseException:
            self.sql("ROLLBACK TO as_one")
            raise
        finally:
            self.sql("RELEASE as_one")

    def sql(self, statement: str, *values: Any) -> list[Any]:
        return self._database.execute(statement, values).fetchall()

    # --- the clock --------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Seconds, as everybody here sees the time: the real one, moved on by whoever plays with it, or frozen."""
        if self._at is not None:
            return self._at
        frozen = self.meta("frozen")
        return int(frozen) if frozen else int(self.real()) + int(self.meta("offset") or 0)

    def move(self, moment: int) -> None:
        """From now on it is `moment`, and time goes on, or stands still, from there."""
        if self.meta("frozen"):
            self.meta("frozen", str(moment))
        else:
            self.meta("offset", str(moment - int(self.real())))

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        before, self._at = self._at, moment
        try:
            yield
        finally:
            self._at = before

    def meta(self, key: str, value: str | None = None) -> str | None:
        if value is not None:
            self.sql("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)
        found = self.sql("SELECT value FROM meta WHERE key = ?", key)
        return found[0][0] if found else None

    # --- objects ----------------------------------------------------------------------------------------

    def add(self, kind: str, prefix: str, body: Thing, event: str | None = None) -> Thing:
        """A new object: `body` with id, object, created, livemode."""
        thing = {
            "id": body.get("id") or f"{prefix}_{secrets.token_hex(12)}",
            "object": kind,
            "created": self.now,
            "livemode": False,
        }
        thing |= {key: value for key, value in body.items() if key != "id"}
        self.sql(
            "INSERT INTO object (id, kind, created, due, body) VALUES (?, ?, ?, ?, ?)",
            thing["id"], kind, thing["created"], thing.get("_due"), json.dumps(thing),
        )  # fmt: skip
        if event:
            self.emit(event, thing)
        return thing

    def save(self, thing: Thing, *events: str) -> Thing:
        """Write a changed object; of an event that says "updated", what was different before goes with it."""
        before = self.get(thing["object"], thing["id"])
        self.sql(
            "UPDATE object SET due = ?, body = ? WHERE id = ?",
            thing.get("_due"), json.dumps(thing), thing["id"],
        )  # fmt: skip
        for event in events:
            if event.endswith(".updated"):
                old, new = public(before), public(thing)
                changed = {key: old.get(key) for key in new if old.get(key) != new[key]}
                if changed:
                    self.emit(event, thing, changed)
            else:
                self.emit(event, thing)
        return thing

    def get(self, kind: str, id: str | None) -> Thing:
        """Raises Unknown. A deleted object is there, with nothing but its id and `deleted`."""
        found = self.sql("SELECT body FROM object WHERE id = ? AND kind = ?", id or "", kind)
        if not found:
            raise Unknown(kind, id)
        thing: Thing = json.loads(found[0][0])
        return thing

    def any(self, id: str) -> Thing | None:
        found = self.sql("SELECT body FROM object WHERE id = ?", id)
        return json.loads(found[0][0]) if found else None

    def find(self, kind: str, **equal: Any) -> list[Thing]:
        """Oldest first; names with "__" are paths."""
        where = "".join(f" AND body ->> '$.{name.replace('__', '.')}' IS ?" for name in equal)
        rows = self.sql(f"SELECT body FROM object WHERE kind = ?{where} ORDER BY seq", kind, *equal.values())  # noqa: S608
        return [json.loads(body) for (body,) in rows]

    def count(self, kind: str) -> int:
        ((found,),) = self.sql("SELECT count(*) FROM object WHERE kind = ?", kind)
        return int(found)

    def forget(self, thing: Thing, event: str) -> Thing:
        """What the interface calls deleting: the id stays, the rest goes."""
        gone = {"id": thing["id"], "object": thing["object"], "deleted": True}
        self.emit(event, thing)
        self.sql("UPDATE object SET due = NULL, body = ? WHERE id = ?", json.dumps(gone), thing["id"])
        return gone

    def next_due(self, until: int) -> tuple[int, Thing] | None:
        found = self.sql("SELECT due, body FROM object WHERE due <= ? ORDER BY due, seq LIMIT 1", until)
        return (found[0][0], json.loads(found[0][1])) if found else None

    # --- events -----------------------------------------------------------------------------------------

    def emit(self, type: str, thing: Thing, previous: Thing | None = None) -> None:
        """An event of that type with the object as it is now, to be delivered once this is committed."""
        data: Thing = {"object": public(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        body = {
            "api_version": VERSION,
            "data": data,
            "pending_webhooks": 1,
            "request": dict(self.request),
            "type": type,
        }
        event = self.add("event", "evt", body)
        self.sql(
            "INSERT INTO delivery (event, born, due) VALUES (?, ?, ?)", event["id"], self.real(), self.real()
        )
        self.news.set()  # who looks waits until this transaction is over

    def signed(self, event: Thing, *, at: int | None = None) -> tuple[bytes, str]:
        """An event's body and its signature's header, as the processor sends them."""
        body = json.dumps(public(event), indent=2).encode()
        return body, signature(body, self.place.webhook_secret, int(self.real()) if at is None else at)

    def fingerprint(self, number: str) -> str:
        """The same for the same card, and no way back to its number."""
        return hmac.new(self.place.key.encode(), number.encode(), hashlib.sha256).hexdigest()[:16]


def signature(body: bytes, secret: str, at: int) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


# Which kinds of object have no moment of creation, or no mode, in the interface.
LACKS = {
    "balance_transaction": {"livemode"},
    "refund": {"livemode"},
    "discount": {"created", "livemode"},
    "invoiceitem": {"created"},
    "subscription_item": {"livemode"},
}


def public(thing: Any) -> Any:
    """Without what is the stand-in's own."""
    if isinstance(thing, dict):
        kind = thing.get("object")  # what an event carries stands in its data as "object" too
        lacks = LACKS.get(kind, set()) if isinstance(kind, str) else set()
        return {
            key: public(one) for key, one in thing.items() if not key.startswith("_") and key not in lacks
        }
    return [public(one) for one in thing] if isinstance(thing, list) else thing


def none(names: str) -> Thing:
    """Fields that an object of the interface has and that say nothing here."""
    return dict.fromkeys(names.split())


def listed(data: list[Thing], url: str, *, has_more: bool = False) -> Thing:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
