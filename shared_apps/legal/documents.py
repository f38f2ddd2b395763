"""The legal texts: which versions there are, since when, and proof that a published one was never altered.

A text is a file of plain HTML, `templates/legal/<kind>/<version>.<language>.html`, read as it is: no template
tag works in it, so that its hash is the hash of what people read. A change is a new version, never an edit.
What a client accepted is in models.py; the pages are the website's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from django.core import checks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

Kind = Literal["terms", "privacy", "confidentiality"]
AUTHENTIC = "fr"  # of two languages that differ, this one counts
TEXTS = Path(__file__).parent / "templates" / "legal"


class UnknownDocument(LookupError):
    """There is no such text, version or language."""


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a text. `digests`: language -> SHA-256 of its file, written when it was published."""

    kind: Kind
    version: str
    published_on: date
    digests: Mapping[str, str]
    changes: Any  # lazily translated: what is new, for people

    @property
    def languages(self) -> Sequence[str]:
        return tuple(self.digests)

    @property
    def title(self) -> Any:
        return TITLES[self.kind]

    def language(self, wanted: str) -> str:
        """The language in which somebody who reads `wanted` gets the text."""
        return wanted if wanted in self.digests else AUTHENTIC

    def sha256(self, language: str) -> str:
        """The digest that was published. Raises UnknownDocument."""
        if language not in self.digests:
            raise UnknownDocument(f"{self.kind} {self.version} has no text in {language!r}")
        return self.digests[language]

    def text(self, language: str) -> SafeString:
        """The HTML as published, from our own file. Raises UnknownDocument."""
        self.sha256(language)
        return mark_safe(_read(self.kind, self.version, language).decode())


TITLES: Mapping[Kind, Any] = {
    "terms": _("Terms of use"),
    "privacy": _("Privacy policy"),
    "confidentiality": _("Confidentiality"),
}
DOCUMENTS = (
    Document(
        "terms", "1", date(2026, 11, 23),
        {
            "fr": "f1d4d0496707bda75ad8f62ad6d05716d23b81b8c931eed1f34baeacb7da1deb",
            "en": "fd82b40c401233a8f445a780f1e2b9e1cc82a13e6b49738dbe368ff7e953cba4",
        },
        _("First version."),
    ),
    Document(
        "privacy", "1", date(2026, 11, 23),
        {
            "fr": "72ab6b7078a8da7adb4fe3092da0fc6cfd231efeaa1a829441072a346327871a",
            "en": "119ed38815744f43f4cd91bbfdd57b05c93c43ba0512ef985d9bb062dce39537",
        },
        _("First version."),
    ),
    Document(  # signed by each operator: shared_apps/operators
        "confidentiality", "1", date(2026, 11, 25),
        {
            "fr": "5e506e82245306b3e97f377fb18618e177a51d58d05fe1899267b17f8e68fe18",
            "en": "e6e92a61d16b572b5c6c2d1e42d4192cf79b107f4ed914f66d09861d311af6b0",
        },
        _("First version."),
    ),
)  # fmt: skip

OUR_OWN = {"confidentiality"}  # what our people sign: operators read it, the website has no page of it


def of_the_website() -> list[Document]:
    """Every version of the texts that visitors read."""
    return [document for document in DOCUMENTS if document.kind not in OUR_OWN]


def versions(kind: str) -> list[Document]:
    """Every version of a text, the newest first. Raises UnknownDocument for a kind that there is none of."""
    found = [document for document in DOCUMENTS if document.kind == kind]
    if not found:
        raise UnknownDocument(kind)
    return sorted(found, key=lambda document: (document.published_on, document.version), reverse=True)


def current(kind: str, *, today: date) -> Document:
    """The version in force. Raises UnknownDocument."""
    for document in versions(kind):
        if document.published_on <= today:
            return document
    raise UnknownDocument(f"no version of {kind} is published yet")


def find(kind: str, version: str) -> Document:
    """Raises UnknownDocument."""
    for document in versions(kind):
        if document.version == version:
            return document
    raise UnknownDocument(f"{kind} {version}")


@cache
def _read(kind: str, version: str, language: str) -> bytes:
    return (TEXTS / kind / f"{version}.{language}.html").read_bytes()


def altered(documents: Sequence[Document] = DOCUMENTS) -> list[str]:
    """Texts whose file is gone or isn't what was published: "terms 1 fr"."""
    found = []
    for document in documents:
        for language, digest in document.digests.items():
            path = TEXTS / document.kind / f"{document.version}.{language}.html"
            if not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{document.kind} {document.version} {language}")
    return found


def texts_are_unaltered(**_: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"The published text {name} was altered: publish a new version instead.", id="legal.E001"
        )
        for name in altered()
    ]
