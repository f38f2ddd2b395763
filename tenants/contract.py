"""What the contract with a client says: the versions that it accepted, and those that it is asked to accept (P43).

Nothing is blocked meanwhile: a workspace goes on under the terms as they stand, and who does not agree may leave.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import get_language_info

from shared_apps.kit.dates import day_of
from shared_apps.legal import documents
from shared_apps.legal.documents import CONTRACT, Document, Edition
from shared_apps.legal.models import Acceptance


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


def asked(client: UUID) -> list[Edition]:
    """The newest published version of each text of the contract that the client has not accepted. In the shared scope.

    The agreement on processing is a part of the terms: who accepts these accepts it as it then stands.
    """
    known = list(Acceptance.objects.by(client))
    found = []
    for kind in CONTRACT:
        newest = documents.editions(kind)[0]
        if documents.before(newest.document) is None:
            continue
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
