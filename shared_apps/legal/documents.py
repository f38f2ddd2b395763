"""The legal texts: which versions there are, since when, and proof that a published one was never altered.

A text is a file of plain HTML, `templates/legal/<kind>/<version>.<language>.html`, read as it is: no template
tag works in it, so that its hash is the hash of what people read. A change is a new version, never an edit: it is
prepared here, with a release, and counts once two operators have published it (models.Publication). The first version
of a text counts with the release that brings it. What changed is in differences.py; the pages are the website's.
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

from shared_apps.kit import scope

Kind = Literal["terms", "privacy", "processing", "confidentiality"]
CONTRACT: tuple[Kind, ...] = ("terms", "processing")  # what a client accepts; the rest it is told
AUTHENTIC = "fr"  # of two languages that differ, this one counts
TEXTS = Path(__file__).parent / "templates" / "legal"


class UnknownDocument(LookupError):
    """There is no such text, version or language."""


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a text. `digests`: language -> SHA-256 of its file, written when it was published."""

    kind: Kind
    version: str
    published_on: (
        date  # the day that the text bears; of a later version, the day it counts from is its publication's
    )
    digests: Mapping[str, str]
    changes: Any  # lazily translated: what is new, for people

    @property
    def languages(self) -> Sequence[str]:
        return tuple(self.digests)

    @property
    def title(self) -> Any:
        return TITLES[self.kind]

    @property
    def topic(self) -> str:
        """How the outbox calls this change of a text: "privacy 2"."""
        return f"{self.kind} {self.version}"

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
        return mark_safe(self.content(language).decode())

    def content(self, language: str) -> bytes:
        """The file, byte for byte: its SHA-256 is `sha256(language)`. Raises UnknownDocument."""
        self.sha256(language)
        return _read(TEXTS / self.kind / f"{self.version}.{language}.html")


@dataclass(frozen=True, slots=True)
class Edition:
    """A version that was published, and the day from which it counts, which may be still to come."""

    document: Document
    in_force_on: date


TITLES: Mapping[Kind, Any] = {
    "terms": _("Terms of use"),
    "privacy": _("Privacy policy"),
    "processing": _("Data processing agreement"),
    "confidentiality": _("Confidentiality"),
}
DOCUMENTS = (
    Document(
        "terms", "1", date(2026, 11, 23),
        {
            "fr": "b5815c23b2e139551936369d18d064a87d0a3884d16f2bc713db6caa7ac9b025",
            "nl": "68cbbc16fa53b58d92f5c47d2fa2421aa6d7fb4ca84d450c189ed1f607f3b259",
            "en": "65455da3a9756da7c0655c99f0f424f3625ede22adf019fe1f4984bc42aede0c",
            "de": "85efe60f4a07b2d39e2e9047dd4455658eac5dd50a0d540c495914c7118e70a7",
        },
        _("First version."),
    ),
    Document(
        "privacy", "1", date(2026, 11, 23),
        {
            "fr": "72ab6b7078a8da7adb4fe3092da0fc6cfd231efeaa1a829441072a346327871a",
            "nl": "58fdbcdf0cb58ecfcab274b56a3b64ef3665abafb1e5d530a667c1bb2da99ec5",
            "en": "119ed38815744f43f4cd91bbfdd57b05c93c43ba0512ef985d9bb062dce39537",
            "de": "789a1956d90ee4020f68ae328e35fadad2ff2e56c30e62ff65ae07178d9537ff",
        },
        _("First version."),
    ),
    Document(
        "processing", "1", date(2026, 11, 23),
        {
            "fr": "73edbb18681c8a9caa2aa8f822bf65c5fb3e0f08e1c393c95df51134f73f797d",
            "nl": "8755840c5531a9957951a0fe8c343a4e6b20e3a1dcdfc7c7c5aa1bd00d3ae714",
            "en": "abe34e6f887819b07a8788b98ecdaa378cb8f4c835b4cbc042b5610ac5cbda6b",
            "de": "fcba4e9ea32b502dddf36b67c4175ac5a6b3c5af2269d7833b103bfcf17d7840",
        },
        _("First version."),
    ),
    Document(  # signed by each operator: shared_apps/operators
        "confidentiality", "1", date(2026, 11, 25),
        {
            "fr": "5e506e82245306b3e97f377fb18618e177a51d58d05fe1899267b17f8e68fe18",
            "nl": "7c367fccb556b2a6a045709b7af5eed3933fdce5a9615a9e7b13bc4d40c65cda",
            "en": "e6e92a61d16b572b5c6c2d1e42d4192cf79b107f4ed914f66d09861d311af6b0",
            "de": "ce8d0d37b345eb89640069ab74be0d5b2008b43e3a5e8cf67efdd34c1f261dc2",
        },
        _("First version."),
    ),
)  # fmt: skip

OUR_OWN = {"confidentiality"}  # what our people sign: operators read it, the website has no page of it


def of_the_website() -> list[Document]:
    """Every published version of the texts that visitors read."""
    return [edition.document for kind in TITLES if kind not in OUR_OWN for edition in editions(kind)]


def versions(kind: str) -> list[Document]:
    """Every version in this release, the newest first, published or not. Raises UnknownDocument for a kind that there is
    none of.
    """
    found = [document for document in DOCUMENTS if document.kind == kind]
    if not found:
        raise UnknownDocument(kind)
    return sorted(found, key=_order, reverse=True)


def _order(document: Document) -> tuple[date, int, str]:
    return document.published_on, len(document.version), document.version


def editions(kind: str) -> list[Edition]:
    """What was published, the newest first. One query, none while there is one version alone. Raises UnknownDocument."""
    known = versions(kind)
    found = [Edition(known[-1], known[-1].published_on)]
    if len(known) > 1:
        from shared_apps.legal.models import Publication

        with scope.shared():
            counts_from = Publication.objects.confirmed().days(kind)
        later = [one for one in known[:-1] if one.version in counts_from]
        found = [*(Edition(one, counts_from[one.version]) for one in later), *found]
    return found


def current(kind: str, *, today: date) -> Document:
    """The version in force. Raises UnknownDocument."""
    for edition in editions(kind):
        if edition.in_force_on <= today:
            return edition.document
    raise UnknownDocument(f"no version of {kind} is published yet")


def find(kind: str, version: str) -> Document:
    """Raises UnknownDocument."""
    for document in versions(kind):
        if document.version == version:
            return document
    raise UnknownDocument(f"{kind} {version}")


def before(document: Document) -> Document | None:
    """The version that this one follows, None for the first."""
    older = [one for one in versions(document.kind) if _order(one) < _order(document)]
    return older[0] if older else None


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def altered(documents: Sequence[Document] | None = None) -> list[str]:
    """Texts whose file is gone or isn't what was published: "terms 1 fr"."""
    found = []
    for document in DOCUMENTS if documents is None else documents:
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
