"""A workspace of the demo with its people: opened by a sign-up up to a year ago, people invited since, who come and go."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password

from config.demo.diary import LENGTH, Calendar, Diary
from shared_apps.accounts.models import Cause, SignIn, User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import Role
from shared_apps.legal.documents import current as current_document
from shared_apps.legal.models import Acceptance
from tenants import departure, provision, stores
from tenants.keys import KeyStore
from tenants.models import Tenant
from tenants.sign_up import DOOR

PASSWORD = "quiet demo teapot"  # noqa: S105 (everybody may know it: the demo has nothing to hide)
DEVICES = (
    "Firefox on Windows",
    "Edge on Windows",
    "Chrome on Windows",
    "Safari on Mac",
    "Safari on iPhone",
    "Chrome on Android",
)


@dataclass(frozen=True, slots=True)
class Someone:
    """A person of a workspace; `joins` and `leaves` are parts of its calendar."""

    name: str
    email: str
    language: str
    role: Role
    joins: float = 0
    leaves: float | None = None
    enters: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A workspace to be made. `id` is fixed, so that a start that was killed leaves nothing behind."""

    id: UUID
    subdomain: str
    client: dict[str, str]
    people: Sequence[Someone]
    calendar: Calendar
    live: Callable[[Diary, Calendar, list[User]], None]  # plans what happened
    gives_notice: float | None = None  # the part of the calendar at which the first owner does


def make(plan: Plan) -> Tenant:
    """The workspace with its past, all or nothing. Raises names.BadName when its name can't be given any more."""
    stores.purge(plan.id)  # of a start that was killed
    try:
        return _make(plan)
    except BaseException:
        stores.purge(plan.id)
        KeyStore.default().destroy(plan.id)
        raise


def _make(plan: Plan) -> Tenant:
    chance = random.Random(plan.subdomain)  # noqa: S311 (a play, not a secret)
    opened_at = plan.calendar.start(chance)
    with scope.shared(actor=DOOR):
        tenant = _open(plan, opened_at)
        with scope.tenant(tenant.id):
            diary = Diary()
            people = _hire(plan, diary, opened_at, chance)
            plan.live(diary, plan.calendar, people)
            diary.act()
            diary.date()
            for person, someone in zip(people, plan.people, strict=True):
                _sign_in(person, someone, plan.calendar, chance)
        if plan.gives_notice is not None:
            _give_notice(
                tenant,
                people[0],
                plan.calendar.moment(chance, first=plan.gives_notice, last=plan.gives_notice),
            )
    return tenant


def _give_notice(tenant: Tenant, owner: User, at: datetime) -> None:
    diary = Diary()
    with diary.write(at, owner.as_actor()):
        departure.give_notice(tenant.id, now=at)
    diary.date()


def _open(plan: Plan, at: datetime) -> Tenant:
    KeyStore.default().ensure(plan.id)
    diary, terms = Diary(), current_document("terms", today=plan.calendar.today)
    with diary.write(at, DOOR):
        owner = plan.people[0]
        client = Client.objects.create(
            **plan.client, contact_name=owner.name, contact_email=owner.email, language=owner.language,
            created_at=at,
        )  # fmt: skip
        Acceptance.record(terms, client=client.id, language=owner.language, at=at)
        tenant = provision.create(
            plan.id, client=client, subdomain=plan.subdomain, person=None, by=DOOR, now=at
        )
    diary.date()
    return tenant


def _hire(plan: Plan, diary: Diary, opened_at: datetime, chance: random.Random) -> list[User]:
    """Everybody, in the order of `plan.people`; those who join later or leave are planned."""
    hashed = make_password(PASSWORD)
    people: list[User] = []
    for someone in plan.people:
        joined = (
            opened_at if not people else plan.calendar.moment(chance, first=someone.joins, last=someone.joins)
        )
        by = people[0] if people else None
        with diary.write(joined, by.as_actor() if by else DOOR):
            person = User(
                name=someone.name, email=someone.email, language=someone.language, role=int(someone.role),
                created_at=joined, invited_at=joined if by else None,
            )  # fmt: skip
            person.set_unusable_password()
            person.save(force_insert=True)
        people.append(person)
        if someone.enters:
            _enter(person, hashed, diary, joined + timedelta(minutes=chance.randint(4, 200 if by else 9)))
        if someone.leaves:
            left = plan.calendar.moment(chance, first=someone.leaves, last=someone.leaves)
            diary.plan(left, people[0], lambda at, by, gone=person: gone.deactivate(by=by, now=at))  # type: ignore[misc]
    return people


def _enter(person: User, hashed: str, diary: Diary, at: datetime) -> None:
    with diary.write(at, person.as_actor()):
        person.password, person.password_changed_at, person.entered_at = hashed, at, at
        person.save(update_fields=["password", "password_changed_at", "entered_at"])


def _sign_in(person: User, someone: Someone, calendar: Calendar, chance: random.Random) -> None:
    """The ledger: two or three sign-ins a month, all over by now."""
    if not person.entered_at:
        return
    device, last = chance.choice(DEVICES), someone.leaves or 1
    rows = []
    for _each in range(round(30 * (last - someone.joins) * calendar.length / LENGTH)):
        at = max(calendar.moment(chance, first=someone.joins, last=last), person.entered_at)
        is_out = chance.random() < 0.4
        until = at + (timedelta(minutes=chance.randint(20, 500)) if is_out else timedelta(days=14))
        if until.date() >= calendar.today:
            until, is_out = at + timedelta(minutes=chance.randint(5, 40)), True
        rows.append(
            SignIn(
                user=person,
                session_hash=f"{chance.getrandbits(256):064x}",
                device=device,
                signed_in_at=at,
                signed_out_at=until,
                cause=Cause.SIGNED_OUT if is_out else Cause.EXPIRED,
            )
        )
    SignIn.objects.bulk_create(rows)
