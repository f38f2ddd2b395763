"""Sign-ins, sessions and operators: the ledger is whole, and who is out is out (P04, P05, P22, P23)."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.accounts.models import Cause, Kind, Passkey, Session, SignIn, Totp, User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.legal import documents
from shared_apps.legal.models import Publication
from shared_apps.operators.models import Grant, Signature, Visit
from shared_apps.promises.checking import Result, Round, check, kept_if, reading
from shared_apps.sharing.models import Order

NEWEST = 5_000
SETTLED = timedelta(
    days=1
)  # sessions that ran out are closed every quarter of an hour, once workers work again


@check("P04", title=_("Sessions, beside the ledger of sign-ins"))
def sign_ins_are_noted(around: Round) -> Result:
    known = SignIn.objects.open().values("session_hash")
    sessions, _schemas = around.count(lambda: Session.objects.exclude(user=None).count())
    strays, schemas = around.count(
        lambda: Session.objects.exclude(user=None).exclude(key_hash__in=known).count()
    )
    return kept_if(
        strays == 0,
        gettext_noop(
            "Schemas: %(schemas)s; sessions of people: %(sessions)s; without a line in the "
            "ledger: %(strays)s."
        ),
        schemas=schemas,
        sessions=sessions,
        strays=strays,
    )


@check("P05", title=_("Closed lines of the ledger, and lines left open"))
def sign_outs_are_noted(around: Round) -> Result:
    live = Session.objects.filter(expires_at__gt=around.now - SETTLED).values("key_hash")
    nameless = Q(signed_out_at__isnull=False) & ~Q(cause__in=Cause.values) | Q(signed_out_at=None) & ~Q(
        cause=""
    )
    lines, _schemas = around.count(SignIn.objects.count)
    bad, _schemas = around.count(
        lambda: SignIn.objects.filter(nameless | Q(signed_out_at__lt=F("signed_in_at"))).count()
    )
    left, schemas = around.count(
        lambda: (
            SignIn.objects.open()
            .exclude(session_hash__in=live)
            .filter(signed_in_at__lt=around.now - SETTLED)
            .count()
        )
    )
    return kept_if(
        not (bad or left),
        gettext_noop(
            "Schemas: %(schemas)s; lines: %(lines)s; closed without a cause: %(bad)s; open though"
            " the session is over: %(left)s."
        ),
        schemas=schemas,
        lines=lines,
        bad=bad,
        left=left,
    )


@check("P23", title=_("Sessions of people who may not enter any more"))
def who_is_out_is_out(around: Round) -> Result:
    people, _schemas = around.count(lambda: Session.objects.exclude(user=None).count())
    out, schemas = around.count(
        lambda: (
            Session.objects.exclude(user=None)
            .filter(Q(user__deactivated_at__isnull=False) | ~Q(realm__in=_realms()))
            .count()
        )
    )
    return kept_if(
        out == 0,
        gettext_noop(
            "Schemas: %(schemas)s; sessions of people: %(people)s; of people who are out, or of "
            "another host: %(out)s."
        ),
        schemas=schemas,
        people=people,
        out=out,
    )


def _realms() -> list[str]:
    here = scope.tenant_id()
    return [str(here)] if here else ["app", "ops", "shared"]


@check("P18", "P22", title=_("Looks into clients’ data, beside the grants"))
def looks_are_granted(around: Round) -> Result:
    """Each look of an operator fell into the time of its grant, and no grant was longer than a day."""
    over = (
        Q(at__gt=F("grant__until"))
        | Q(at__gt=F("grant__ended_at"))
        | Q(grant__starts_at=None)
        | Q(at__lt=F("grant__starts_at"))
    )
    with reading(scope.shared()):
        seen = Visit.objects.filter(at__gt=around.now - timedelta(days=30))
        visits, outside = seen.count(), seen.filter(over).count()
        long = Grant.objects.filter(until__gt=F("starts_at") + timedelta(hours=24)).count()
        grants = Grant.objects.count()
    return kept_if(
        not (outside or long),
        gettext_noop(
            "Grants: %(grants)s, of them longer than a day: %(long)s; looks in thirty days: "
            "%(visits)s, of them outside a grant’s time: %(outside)s."
        ),
        grants=grants,
        long=long,
        visits=visits,
        outside=outside,
    )


@check("P22", title=_("Operators who acted, beside their signatures and second factors"))
def operators_are_bound(around: Round) -> Result:
    """On each day on which an operator did something they had signed the text of that day and had a second factor."""
    with reading(scope.shared()):
        days = _days_of_operators(around.now - timedelta(days=30))
        unsigned = sum(not _has_signed(operator, at) for operator, at in days)
        alone = sum(not _had_second_factor(operator, at) for operator, at in days)
    return kept_if(
        not (unsigned or alone),
        gettext_noop(
            "Operators who acted in thirty days: %(operators)s, on days: %(days)s; without the confidentiality text of "
            "the day signed: %(unsigned)s; without a second factor: %(alone)s."
        ),
        operators=len({operator for operator, _at in days}),
        days=len(days),
        unsigned=unsigned,
        alone=alone,
    )


def _days_of_operators(since: datetime) -> list[tuple[UUID, datetime]]:
    """Each operator with the first moment of each day on which they did something. Their own account is no deed."""
    acts: list[tuple[UUID, datetime]] = []
    for rows, who, when in (
        (Visit.objects.all(), "grant__operator", "at"),
        (Grant.objects.all(), "operator", "asked_at"),
        (Order.objects.all(), "registered_by", "registered_at"),
        (Order.objects.all(), "confirmed_by", "confirmed_at"),
        (Publication.objects.all(), "proposed_by", "proposed_at"),
        (Publication.objects.all(), "confirmed_by", "confirmed_at"),
    ):
        seen: Any = rows
        found = seen.filter(**{f"{when}__gt": since, f"{who}__isnull": False}).order_by(f"-{when}")
        acts += found.values_list(who, when)[:NEWEST]
    operators = set(User.objects.filter(kind=Kind.OPERATOR).values_list("pk", flat=True))
    written = LogEntry.objects.filter(actor_kind="operator", timestamp__gt=since).exclude(module="accounts")
    for id, at in written.values_list("actor_id", "timestamp")[:NEWEST]:
        if (operator := _uuid(id)) in operators:
            acts.append((operator, at))
    first: dict[tuple[UUID, date], datetime] = {}
    for operator, at in acts:
        day = (operator, day_of(at))
        first[day] = min(at, first.get(day, at))
    return [(operator, at) for (operator, _day), at in first.items()]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _has_signed(operator: UUID, at: datetime) -> bool:
    wanted = documents.current("confidentiality", today=day_of(at))
    signed = Signature.objects.filter(operator=operator, version=wanted.version, signed_at__lte=at)
    return signed.filter(sha256__in=list(wanted.digests.values())).exists()


def _had_second_factor(operator: UUID, at: datetime) -> bool:
    """One that is there still, or one whose end the history knows: whoever lost theirs sets up another one."""
    if any(model.objects.filter(user=operator, made_at__lte=at).exists() for model in (Totp, Passkey)):
        return True
    ended = LogEntry.objects.filter(action=LogEntry.Action.DELETE, timestamp__gte=at, parent_pk=str(operator))
    return bool(ended.filter(table_name__in=[Totp._meta.db_table, Passkey._meta.db_table]).exists())
