"""Policy and terms: unaltered, in force, shown, accepted (P41, P43)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.accounts.models import SignIn
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import Role
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, unknown
from tenants.models import Tenant

FIRST_VISIT = 500  # workspaces without an acceptance that are looked into


@check("P41", title=_("Published texts, beside their digests and their pages"))
def texts_are_as_published(around: Round) -> Result:
    altered, versions = len(documents.altered()), len(documents.DOCUMENTS)
    try:
        current = documents.current("privacy", today=day_of(around.now))
    except documents.UnknownDocument:
        return kept_if(False, gettext_noop("No version of the privacy policy is in force."))
    pages = [one for one in around.pages if one.path == "/privacy/" and one.status == 200]
    if not pages:
        return unknown(
            gettext_noop("Versions: %(versions)s; altered: %(altered)s; the page could not be reached."),
            versions=versions,
            altered=altered,
        )
    others = sum(current.sha256(current.language(page.language)) not in page.body for page in pages)
    return kept_if(
        not (altered or others),
        gettext_noop(
            "Versions: %(versions)s; altered: %(altered)s; pages of the one in force: %(pages)s, "
            "of them with another digest: %(others)s."
        ),
        versions=versions,
        altered=altered,
        pages=len(pages),
        others=others,
    )


@check("P43", title=_("Accepted terms, for each client"))
def terms_are_accepted(around: Round) -> Result:
    """A workspace that an operator made accepts at its first visit: before an owner came, nothing is missing."""
    with reading(scope.shared()):
        accepted = list(
            Acceptance.objects.filter(kind="terms").values_list(
                "client_uuid", "version", "language", "sha256"
            )
        )
    clients = {client for client, *_what in accepted}
    wrong = sum(not _is_published(*what) for _client, *what in accepted)
    waiting = [tenant for tenant in around.tenants if tenant.client_id not in clients]
    missing = sum(_has_owner_inside(tenant) for tenant in waiting[:FIRST_VISIT])
    return kept_if(
        not (wrong or missing),
        gettext_noop(
            "Workspaces: %(workspaces)s; acceptances: %(accepted)s, of them of no published text:"
            " %(wrong)s; workspaces in use without one: %(missing)s."
        ),
        workspaces=len(around.tenants),
        accepted=len(accepted),
        wrong=wrong,
        missing=missing,
    )


def _is_published(version: str, language: str, sha256: str) -> bool:
    try:
        return documents.find("terms", version).sha256(language) == sha256
    except documents.UnknownDocument:
        return False


def _has_owner_inside(tenant: Tenant) -> bool:
    """Since it is here: a restored one brings the sign-ins of the workspace that it was."""
    with reading(scope.tenant(tenant.id)):
        return SignIn.objects.filter(signed_in_at__gte=tenant.created_at, user__role=Role.OWNER).exists()
