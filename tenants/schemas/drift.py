"""Tables that are not as their release made them: looked for every night, with the difference named.

Somebody's hand, a restore of a part, a defect: whatever it was, the next migration would meet it in the middle of a wave.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import ProgrammingError

from shared_apps.kit import scope
from tenants.models import Drift, Snapshot, State, Tenant
from tenants.schemas import snapshot
from tenants.schemas.fingerprint import differences, hash_of, lines

MOST = 50  # differences that are kept of one workspace


@dataclass(frozen=True, slots=True)
class Found:
    """A workspace and what differs in it. `why` is kept when nothing could be compared."""

    tenant: UUID
    release: str
    differences: tuple[str, ...]


def look(*, only: set[UUID] | None = None) -> Iterator[Found]:
    """Every workspace whose tables are others than its row says, or than its release's snapshot makes.

    Each in a transaction of its own; one statement a workspace, whose cost is that of its own tables.
    """
    with scope.shared():
        shapes = dict(Snapshot.objects.values_list("release", "fingerprint"))
        rows = Tenant.objects.exclude(state=State.RESTORING).values_list("pk", "release", "fingerprint")
        wanted = [row for row in rows if only is None or row[0] in only]
    known: dict[str, list[str]] = {}
    for id, release, noted in wanted:
        try:
            with scope.owner(tenant=id):
                found = lines(scope.schema_of(id))
        except ProgrammingError:  # no such schema: check_tenants says so
            continue
        seen = hash_of(found)
        if seen == noted and seen == shapes.get(release):
            continue
        if _is_moving(id, noted):
            continue
        if release not in shapes:
            yield Found(id, release, (f"release {release} was never recorded here",))
            continue
        if release not in known:
            with scope.shared():
                recorded = Snapshot.objects.get(pk=release)
            known[release] = snapshot.shape(recorded)
        named = differences(known[release], found)[:MOST]
        yield Found(id, release, tuple(named) or ("only its row's fingerprint differs",))


def _is_moving(id: UUID, noted: str) -> bool:
    """Whether it was migrated, or erased, since its row was read."""
    with scope.shared():
        now = Tenant.objects.filter(pk=id).values_list("fingerprint", flat=True).first()
    return bool(now != noted)


def note(found: list[Found], *, now: datetime) -> list[Found]:
    """Keep what this look found instead of what the last one did; returns what is new since then.

    What was found before, and is the same still, keeps its first night. Who was erased meanwhile is left out.
    """
    with scope.shared(actor=snapshot.BUILDER):
        before = {one.tenant_id: one for one in Drift.objects.all()}
        here = Tenant.standing(one.tenant for one in found)
        known = {one.tenant: before[one.tenant] for one in found if _is_the_same(one, before)}
        Drift.objects.all().delete()
        Drift.objects.bulk_create(
            Drift(
                tenant_id=one.tenant, differences=list(one.differences),
                found_at=known[one.tenant].found_at if one.tenant in known else now,
            )
            for one in found
            if one.tenant in here
        )  # fmt: skip
    return [one for one in found if one.tenant not in known]


def _is_the_same(one: Found, before: dict[UUID, Drift]) -> bool:
    return one.tenant in before and before[one.tenant].differences == list(one.differences)
