"""Notices, last days and erasures: nothing early, nothing late, nothing left (P26, P29, P34–P37, P40)."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import end_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows
from tenants import gate, replay, retention
from tenants.fleet import UNCOMMITTED
from tenants.keys import KeyStore
from tenants.ledger import Ledger, LedgerBroken
from tenants.models import Category, Departure, Erasure, Export, Instruction, State, Tenant
from tenants.stores import FOLDERS, folder

SEALED = b"age-encryption.org/v1"
NEWEST = 1_000  # departures whose days are compared
MOST_BYTES = 50_000_000  # of copies whose digest is computed anew
THERE = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%%'"


@check("P34", title=_("Erasures, beside notices and instructions"))
def nothing_is_erased_unasked(around: Round) -> Result:
    entries = [one.entry for one in Ledger.default().entries() if one.entry.kind == "data"]
    with reading(scope.shared()):
        asked = set(Erasure.objects.values_list("tenant_uuid", flat=True))
        asked |= set(Departure.objects.values_list("tenant_uuid", flat=True))
        unasked = sum(entry.tenant not in asked for entry in entries)
        settled = Client.objects.filter(created_at__lt=around.now - _seconds(UNCOMMITTED), tenant=None)
        leaving = Departure.objects.standing().values("client_uuid")
        vanished = settled.exclude(pk__in=leaving).count()
    return kept_if(
        not (unasked or vanished),
        gettext_noop(
            "Erasures: %(erasures)s; without a notice or an instruction: %(unasked)s; workspaces "
            "that are gone without either: %(vanished)s."
        ),
        erasures=len(entries),
        unasked=unasked,
        vanished=vanished,
    )


def _seconds(number: int) -> Any:
    from datetime import timedelta

    return timedelta(seconds=number)


def _late(category: Category) -> Callable[[Round], Result]:
    def look(around: Round) -> Result:
        with reading(scope.shared()):
            late = sum(one.category == category for one in retention.late(around.now))
            waiting = Departure.objects.standing().count()
            held_back = retention.held_back(around.now)
        return kept_if(
            late == 0,
            gettext_noop(
                "Clients who leave: %(leaving)s; erasures more than a day late: %(late)s; waiting for"
                " the next day’s number: %(held_back)s."
            ),
            leaving=waiting,
            late=late,
            held_back=held_back,
        )

    return look


@check("P35", title=_("Data whose last day is over"))
def data_goes_on_its_day(around: Round) -> Result:
    return _late(Category.DATA)(around)


@check("P36", title=_("Contact details whose last day is over"))
def contacts_go_on_their_day(around: Round) -> Result:
    return _late(Category.CONTACTS)(around)


@check("P37", title=_("Days in force, beside the days promised"))
def days_are_as_said(around: Round) -> Result:
    """Whatever differs from the promise has an instruction, and nothing went before its day without one."""
    with reading(scope.shared()):
        said = set(
            Instruction.objects.exclude(kind=Instruction.Kind.NOTICE).values_list("departure_id", flat=True)
        )
        at_once = set(
            Erasure.objects.exclude(requested_by__role="notice").values_list("tenant_uuid", flat=True)
        )
        found = list(Departure.objects.filter(withdrawn_at=None).order_by("-id")[:NEWEST])
    moved = [
        one
        for one in found
        if (one.data_on, one.contacts_on) != (one.data_promised_on, one.contacts_promised_on)
    ]
    unsaid = sum(one.pk not in said and one.tenant_uuid not in at_once for one in moved)
    early = sum(
        bool(one.data_erased_at and one.data_erased_at < end_of(one.data_on))
        and one.tenant_uuid not in at_once
        for one in found
    )
    return kept_if(
        not (unsaid or early),
        gettext_noop(
            "Departures: %(departures)s; with another day than promised: %(moved)s, of them "
            "without an instruction: %(unsaid)s; erased before their day: %(early)s."
        ),
        departures=len(found),
        moved=len(moved),
        unsaid=unsaid,
        early=early,
    )


@check("P40", title=_("The erasure ledger, and what is left of who stands in it"))
def erased_is_gone(around: Round) -> Result:
    try:
        entries = Ledger.default().entries()
        finding = gate.compare()  # it looks twice, at two moments: not within one snapshot
    except LedgerBroken:
        return kept_if(False, gettext_noop("The erasure ledger is broken."))
    if not finding.is_open:
        return kept_if(
            False,
            gettext_noop(
                "The database and the erasure ledger do not agree: one ends at %(head)s, the other at %(end)s."
            ),
            head=finding.head.seq,
            end=finding.end.seq,
        )
    erased = {one.entry.tenant for one in entries if one.entry.kind == "data"}
    forgotten = {one.entry.client for one in entries if one.entry.kind == "contacts"}
    with reading(scope.owner()):
        schemas = {name for (name,) in rows(THERE)}
    with reading(scope.shared()):
        back = Tenant.objects.filter(pk__in=erased).count() + Client.objects.filter(pk__in=forgotten).count()
        back += replay.owed().count()
    left = sum(
        bool({scope.tenant_of(name) for name in schemas if scope.SCHEMA_NAME.match(name)} & {id})
        for id in erased
    )
    files = sum(folder(kind, id).exists() for id in erased for kind in FOLDERS)
    keys = len(erased & set(KeyStore.default().listing()))
    return kept_if(
        not (back or left or files or keys),
        gettext_noop(
            "Entries in the ledger, its chain whole: %(entries)s; rows that are back: %(back)s; "
            "schemas left: %(schemas)s; folders left: %(folders)s; keys left: %(keys)s."
        ),
        entries=len(entries),
        back=back,
        schemas=left,
        folders=files,
        keys=keys,
    )


@check("P26", title=_("Copies on our disks, and the keys of workspaces"))
def copies_are_encrypted(around: Round) -> Result:
    place = Path(settings.SMOALL_DATA) / "exports"
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else []
    plain = sum(not _is_sealed(path) for path in files if not path.name.startswith("."))
    with reading(scope.shared()):
        ids = set(Tenant.objects.exclude(state=State.RESTORING).values_list("pk", flat=True))
    without = ids - set(KeyStore.default().listing())
    with reading(scope.shared()):  # a key is there before its workspace, and goes after it
        keyless = Tenant.objects.filter(pk__in=without).count()
    return kept_if(
        not (plain or keyless),
        gettext_noop(
            "Copies: %(copies)s, of them not encrypted: %(plain)s; workspaces: %(workspaces)s, of"
            " them without a key: %(keyless)s."
        ),
        copies=len(files),
        plain=plain,
        workspaces=len(ids),
        keyless=keyless,
    )


def _is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SEALED)) in (SEALED, b"")  # one that was only just begun is empty


@check("P29", title=_("Copies that wait, beside their digests"))
def copies_are_whole(around: Round) -> Result:
    with reading(scope.shared()):
        ready = list(
            Export.objects.exclude(ready_at=None)
            .filter(taken_at=None, expires_at__gt=around.now)
            .exclude(recipient="folder")[:50]
        )
    read = looked = 0
    other = []
    for one in ready:
        if read + one.size > MOST_BYTES:
            continue
        found = [path for path in folder("exports", one.tenant_uuid).glob(f"*{one.pk}*") if path.is_file()]
        looked, read = looked + 1, read + one.size
        if not any(hashlib.sha256(path.read_bytes()).hexdigest() == one.sha256 for path in found):
            other.append(one.pk)
    with reading(
        scope.shared()
    ):  # what was taken, or went with its workspace, while others were read is no loss
        broken = Export.objects.filter(pk__in=other, taken_at=None).count()
    return kept_if(
        broken == 0,
        gettext_noop(
            "Copies that wait to be taken: %(ready)s; digests computed anew: %(looked)s; missing "
            "or altered: %(broken)s."
        ),
        ready=len(ready),
        looked=looked,
        broken=broken,
    )
