"""What the contract with a client says: the versions that it accepted, and those that it is asked to accept (P43).

Nothing is blocked meanwhile: a workspace goes on under the terms as they stand, and who does not agree may leave.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from shared_apps.accounts.entering import Condition
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.hosts import host_url
from shared_apps.legal import documents
from shared_apps.legal.documents import AUTHENTIC, CONTRACT, Document, Edition
from shared_apps.legal.models import Acceptance
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Accepted:
    """A version that a client accepted, and its text when this release has it."""

    acceptance: Acceptance
    document: Document | None

    @property
    def language(self) -> str:
        """The name of the language in which it was accepted, in that language."""
        return language_name(self.acceptance.language)


def accepted(client: UUID) -> list[Accepted]:
    """The newest first. In the shared scope."""
    return [Accepted(one, _document(one)) for one in Acceptance.objects.by(client)]


def language_name(code: str) -> str:
    """The code itself for a language that nobody knows."""
    try:
        return str(get_language_info(code)["name_local"]).capitalize()
    except KeyError:
        return code


def _document(acceptance: Acceptance) -> Document | None:
    try:
        return documents.find(acceptance.kind, acceptance.version)
    except documents.UnknownDocument:
        return None


def may_be_asked() -> bool:
    """Whether there is a second version of anything that is accepted: before, no row needs to be read."""
    return any(len(documents.versions(kind)) > 1 for kind in CONTRACT)


def has_terms(client: UUID) -> bool:
    """Whether any version of the terms is on its record. In the shared scope."""
    return Acceptance.objects.by(client).filter(kind="terms").exists()


def asked(client: UUID) -> list[Edition]:
    """The newest published version of each text of the contract that the client has not accepted. In the shared scope.

    The agreement on processing is a part of the terms: who accepts these accepts it as it then stands.
    """
    known = list(Acceptance.objects.by(client))
    found = []
    for kind in CONTRACT:
        newest = documents.editions(kind)[0]
        if documents.before(newest.document) is None and any(one.kind == "terms" for one in known):
            continue  # the first agreement on processing came with the first terms
        if not any(_covers(one, newest) for one in known):
            found.append(newest)
    return found


def _covers(acceptance: Acceptance, edition: Edition) -> bool:
    if acceptance.kind == edition.document.kind:
        return acceptance.version == edition.document.version
    return (
        edition.document.kind == "processing"
        and acceptance.kind == "terms"
        and day_of(acceptance.accepted_at) >= edition.in_force_on
    )


def accept(client: UUID, texts: list[Document], *, language: str, now: datetime) -> None:
    """An owner accepts these versions for the client. Twice is once."""
    for document in texts:
        Acceptance.record(document, client=client, language=language, at=now)


# --- before the first entry -------------------------------------------------------------------------------


def condition(person: User) -> Condition | None:
    """For an owner of a workspace whose client has no terms on record: an operator made it, or restored it.

    In the person's own scope. What is accepted are the terms in force, and with them the agreement on processing.
    """
    here = scope.tenant_id()
    if here is None or not person.may("workspace.accept"):
        return None
    with scope.shared():
        client = Tenant.objects.values_list("client_id", flat=True).filter(pk=here).first()
        if client is None or has_terms(client):
            return None
        today = timezone.localdate()
        terms, processing = (documents.current(kind, today=today) for kind in CONTRACT)
    return Condition(
        label=_("We accept the terms of use"),
        help=_links(terms, processing),
        refused=_("Without the terms there is no contract: read them, and accept them here."),
        accept=partial(_accept_terms, client, terms),
    )


def _links(terms: Document, processing: Document) -> str:
    return format_html(
        _(
            "On behalf of your company: <a href='{terms}' target='_blank'>the terms, version {terms_version}</a>, and "
            "<a href='{processing}' target='_blank'>the data processing agreement, version "
            "{processing_version}</a>, which is a part of them. Both open in a new tab."
        ),
        terms=_page(terms),
        terms_version=terms.version,
        processing=_page(processing),
        processing_version=processing.version,
    )


def _page(document: Document) -> str:
    """On the website, in the language of whoever reads, which is the one that goes on record."""
    language = document.language(get_language() or AUTHENTIC)
    return f"{host_url('')}/{language}/{document.kind}/{document.version}/"


def _accept_terms(client: UUID, terms: Document, *, language: str, now: datetime) -> None:
    with scope.shared():
        accept(client, [terms], language=language, now=now)


# --- an export that is loaded -----------------------------------------------------------------------------


def carry_over(client: UUID, said: list[dict[str, Any]]) -> None:
    """Put on a restored client's record what its export says it accepted. In the shared scope.

    Only texts of this release, by their digests; of anything else the owner is asked again.
    """
    for one in said:
        try:
            document = documents.find(str(one["kind"]), str(one["version"]))
            at = datetime.fromisoformat(str(one["accepted_at"]))
        except (documents.UnknownDocument, KeyError, TypeError, ValueError):
            continue
        language = next(
            (code for code in document.languages if document.sha256(code) == one.get("sha256")), None
        )
        if language and document.kind in CONTRACT and at.tzinfo:
            Acceptance.record(document, client=client, language=language, at=at)
