"""Sign-ins, sessions and operators: the ledger is whole, and who is out is out (P04, P05, P22, P23)."""

from datetime import timedelta

from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.accounts.models import Cause, Session, SignIn
from shared_apps.kit import scope
from shared_apps.operators.models import Grant, Visit
from shared_apps.promises.checking import Result, Round, check, kept_if, reading

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


@check("P22", title=_("Looks into clients' data, beside the grants"))
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
            "%(visits)s, of them outside a grant's time: %(outside)s."
        ),
        grants=grants,
        long=long,
        visits=visits,
        outside=outside,
    )
