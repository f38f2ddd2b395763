"""Whether this database may be opened: only at home (identity.py), and with the whole erasure ledger applied (I13).

The database keeps the last entry that it has applied, LedgerHead; the ledger is a file outside of it. A database that
was restored from an older state lags behind, and holds clients who were erased: every host then answers "being
checked" and no job runs, until replay.py has erased them again. A ledger that ends before the head was cut.
"""

import logging
import sys
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Literal

from django.db import DatabaseError, ProgrammingError, connection
from django.db.backends.signals import connection_created

from shared_apps.kit import scope
from tenants import identity
from tenants.ledger import BEGINNING, Entry, Head, Ledger, LedgerBroken, Recorded, end_of, holds
from tenants.models import LedgerHead

log = logging.getLogger("smoall.ledger")
LOOK_EVERY = (
    5.0  # seconds between two looks at the database's head, unless the ledger or the connection changed
)
BOOT_ERROR = 3  # gunicorn's own: it starts no other process after one that ended so
SILENT = "The shared tables are not those of this release: run prepare."


class Closed(Exception):
    """The database may not be opened yet; the text says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How the database stands towards the ledger."""

    state: Literal["open", "behind", "broken"]
    head: Head  # what the database has applied
    end: Head  # where the ledger ends
    why: str = ""

    @property
    def is_open(self) -> bool:
        return self.state == "open"


# --- the head ---------------------------------------------------------------------------------------------


def head() -> Head:
    """The last entry that this database has applied. In the shared scope or the owner's."""
    row = LedgerHead.objects.values_list("seq", "hash").first()
    return Head(*row) if row else Head(0, BEGINNING)


def record(entry: Entry) -> Recorded:
    """Append the entry of an erasure that was carried out here, and move the head with it.

    A kill between the two leaves the database one entry behind, which a replay mends. Raises BadEntry, LedgerBroken.
    """
    with scope.owner():
        _lock("pg_advisory_xact_lock")
        recorded = Ledger.default().append(entry)
        advance(recorded)
    return recorded


def advance(recorded: Recorded) -> bool:
    """Note that this entry was applied; False when it does not follow the head: no entry is ever passed over.

    In the owner's scope: the runtime roles can only read the head.
    """
    at = head()
    if recorded.seq != at.seq + 1 or recorded.previous != at.hash:
        return False
    LedgerHead.objects.update_or_create(pk=1, defaults={"seq": recorded.seq, "hash": recorded.hash})
    return True


def accept(end: Head) -> None:
    """Take the ledger as it stands for whole, after it was lost. A person decides this, never the program."""
    with scope.owner():
        _lock("pg_advisory_xact_lock")
        LedgerHead.objects.update_or_create(pk=1, defaults={"seq": end.seq, "hash": end.hash})
    log.warning("The erasure ledger was accepted as it stands, at entry %s.", end.seq)


def unapplied() -> list[Recorded]:
    """The ledger's entries after the head, in order. Raises LedgerBroken, also when the ledger was cut."""
    with scope.shared():
        at = head()
    return Ledger.default().after(at)


# --- looking ----------------------------------------------------------------------------------------------


def compare() -> Finding:
    """Compare the database with the ledger now. In a transaction of its own unless one is open."""
    with scope.shared():
        if (found := _finding()).is_open:
            return found
        _lock("pg_advisory_xact_lock_shared")  # an erasure may stand between its entry and its head
        return _finding()


def _finding() -> Finding:
    at, (chain, why) = head(), _read()
    end = end_of(chain)
    if why := identity.refusal() or why:
        return Finding("broken", at, end, why)
    if not holds(chain, at):
        why = f"Entry {at.seq} of the erasure ledger is gone or another one: the ledger was cut or replaced."
        return Finding("broken", at, end, why)
    if at.seq < end.seq:
        return Finding("behind", at, end, f"{end.seq - at.seq} erasures have to be carried out again.")
    return Finding("open", at, end)


Read = tuple[list[Recorded], str]  # the ledger's chain, and what is wrong with it
_read_at: tuple[Any, Read] | None = None


def _read() -> Read:
    """The ledger; read again only when the file changed."""
    global _read_at
    stamp = _stamp()
    if _read_at and _read_at[0] == stamp:
        return _read_at[1]
    read = _parsed()
    _read_at = (stamp, read)
    return read


def _parsed() -> Read:
    try:
        return Ledger.default().entries(), ""
    except LedgerBroken as error:
        return [], str(error)
    except OSError as error:
        return [], f"The erasure ledger can't be read: {error.strerror}."


def _stamp() -> tuple[int, int, int] | None:
    try:
        found = Ledger.default().path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended('erasure ledger', 0))")


# --- the gate of a process --------------------------------------------------------------------------------


class Gate:
    """What this process knows. `look` costs one stat(2) of the ledger while nothing changed and time is not up."""

    def __init__(self) -> None:
        self.finding: Finding | None = None
        self._stamp: Any = None
        self._looked = 0.0
        self._lock = Lock()

    def look(self) -> Finding:
        """The finding in force. Opens the database when the last look is too old, after a change, or while closed."""
        known, stamp = self.finding, _stamp()
        if known and known.is_open and stamp == self._stamp and monotonic() - self._looked < LOOK_EVERY:
            return known
        looked = monotonic()
        try:
            found = compare()
        except ProgrammingError as error:  # no such table yet
            found = Finding("broken", Head(0, BEGINNING), Head(0, BEGINNING), SILENT)
            log.debug("%s", error)
        with self._lock:
            if found.why and (known is None or known.why != found.why):
                log.warning("Closed: %s", found.why)
            self.finding, self._stamp, self._looked = found, stamp, looked
        return found

    def look_again(self) -> None:
        """Let the next look ask the database."""
        self._looked = float("-inf")


GATE = Gate()


def look() -> Finding:
    """Whether this process may answer and work."""
    return GATE.look()


def look_at_start() -> None:
    """When a web process starts. A database that does not answer yet is looked at with the first request.

    A copy that was not neutralised ends the process with BOOT_ERROR, which ends gunicorn too (P18).
    """
    try:
        identity.require(but=identity.UNCLAIMED)
        look()
    except identity.NotAtHome as refusal:
        log.critical("%s", refusal)
        sys.exit(BOOT_ERROR)
    except DatabaseError as error:
        log.warning("The database does not answer: %s", type(error).__name__)
    finally:
        connection.close()


def is_known_closed() -> bool:
    """Without a query while this process knows of nothing: for pages that read no row."""
    return GATE.finding is not None and not GATE.finding.is_open and not look().is_open


def require_open() -> None:
    """Raises Closed."""
    if not (found := look()).is_open:
        raise Closed(f"{found.why} See replay_ledger.")


def _connected(**_: Any) -> None:
    """Another connection may lead to another state of the database."""
    GATE.look_again()


connection_created.connect(_connected, dispatch_uid="smoall.ledger")
