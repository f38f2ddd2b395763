"""The deployment itself, and requests that people wait for an answer to (P21, P44)."""

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, unknown
from shared_apps.requests.models import Breach, Request
from tenants import identity


@check("P21", title=_("The framework’s own checks for deployments"))
def deployment_is_clean(around: Round) -> Result:
    found = run_checks(include_deployment_checks=True)
    errors = sum(one.level >= ERROR for one in found if not one.is_silenced())
    warnings = sum(WARNING <= one.level < ERROR for one in found if not one.is_silenced())
    text = gettext_noop("Errors: %(errors)s; warnings: %(warnings)s.")
    if not settings.SMOALL_IS_PRODUCTION and not errors:
        return unknown(
            gettext_noop("This is a deployment for development; errors: %(errors)s; warnings: %(warnings)s."),
            errors=errors,
            warnings=warnings,
        )
    return kept_if(not (errors or warnings), text, errors=errors, warnings=warnings)


@check("P18", title=_("The database, beside the keys of this system"))
def database_is_at_home(around: Round) -> Result:
    """A copy elsewhere finds other keys or another environment, and is refused at every start."""
    with reading(scope.shared()):
        strange = int(bool(identity.refusal()))
    return kept_if(
        strange == 0,
        gettext_noop(
            "Databases that know this system as theirs: %(known)s; that belong elsewhere: %(strange)s."
        ),
        known=1 - strange,
        strange=strange,
    )


@check("P44", title=_("Requests that wait for an answer"))
def requests_are_answered(around: Round) -> Result:
    """Nobody waits longer than the law's month, and no breach longer than its 72 hours."""
    with reading(scope.shared()):
        waiting = Request.objects.open().count()
        late = Request.objects.overdue(day_of(around.now)).count()
        breaches = Breach.objects.overdue(around.now).count()
    return kept_if(
        late == 0 and breaches == 0,
        gettext_noop(
            "Requests that wait: %(open)s; longer than they may: %(late)s; "
            "breaches not told to the authority in time: %(breaches)s."
        ),
        open=waiting,
        late=late,
        breaches=breaches,
    )
