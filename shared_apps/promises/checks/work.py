"""The deployment itself, and requests that people wait for an answer to (P21, P44)."""

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.kit import scope
from shared_apps.promises.checking import Result, Round, check, kept_if, model_of, reading, unknown


@check("P21", title=_("The framework's own checks for deployments"))
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


@check("P44", title=_("Requests that wait for an answer"))
def requests_are_answered(around: Round) -> Result:
    """The register of requests, once a module has one: rows with `due_at` and `answered_at`."""
    request = model_of("operators.Request")
    if request is None:
        return unknown(gettext_noop("There is no register of requests yet."))
    with reading(scope.shared()):
        waiting = request._default_manager.filter(answered_at=None)
        late = waiting.filter(due_at__lt=around.now).count()
        open_ = waiting.count()
    return kept_if(
        late == 0,
        gettext_noop("Requests that wait: %(open)s; longer than they may: %(late)s."),
        open=open_,
        late=late,
    )
