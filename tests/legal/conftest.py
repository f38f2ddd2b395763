"""A second version of each text, in a folder of its own, and two operators who may put it into force."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from uuid import UUID

import pytest
from django.utils import timezone, translation

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.legal import documents, models
from shared_apps.legal.documents import Document
from shared_apps.legal.models import Publication
from tenants import publishing, sagas
from tenants.models import Saga
from tests.conftest import TESTER
from tests.operators.conftest import make_operator

Publish = Callable[..., Publication]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the texts that a test may add to; `prepare_version` does."""
    copied = tmp_path / "legal"
    copytree(documents.TEXTS, copied)
    monkeypatch.setattr(documents, "TEXTS", copied)
    return copied


@pytest.fixture
def second(texts: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    """Version 2 of the policy, as a release brings it: prepared, and not published."""
    return prepare_version("privacy", "2", texts, monkeypatch)


def prepare_version(kind: str, version: str, texts: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    """The newest text with a sentence more in every language."""
    newest = documents.versions(kind)[0]
    digests = {}
    for language in newest.languages:
        text = newest.content(language) + f"<p>Version {version}: something more.</p>\n".encode()
        (texts / kind / f"{version}.{language}.html").write_bytes(text)
        digests[language] = sha256(text).hexdigest()
    made = replace(
        newest,
        version=version,
        published_on=date.fromordinal(newest.published_on.toordinal() + 1),
        digests=digests,
        changes=f"What version {version} changes.",
    )
    monkeypatch.setattr(documents, "DOCUMENTS", (*documents.DOCUMENTS, made))
    return made


@pytest.fixture
def opal(db: None) -> User:
    return make_operator("Opal")


@pytest.fixture
def otto(db: None) -> User:
    return make_operator("Otto")


def propose(
    document: Document, by: User, *, changes_contacts: bool = True, on: date | None = None
) -> Publication:
    now = timezone.now()
    first = models.earliest(document.kind, changes_contacts=changes_contacts, today=timezone.localdate(now))
    with scope.shared(actor=by.as_actor()):
        return Publication.propose(
            document,
            changes_contacts=changes_contacts,
            explanation="Because it is so.",
            in_force_on=on or max(first, documents.editions(document.kind)[0].in_force_on),
            by=by,
            now=now,
        )


def confirm(publication: Publication, by: User) -> Publication:
    with scope.acting(by.as_actor()):
        return publishing.confirm(publication.pk, by=by, now=timezone.now())


@pytest.fixture
def publish(opal: User, otto: User) -> Publish:
    """`publish(document, changes_contacts=…)`: proposed by Opal, confirmed by Otto; nothing was sent yet."""

    def published(document: Document, *, changes_contacts: bool = True) -> Publication:
        return confirm(propose(document, opal, changes_contacts=changes_contacts), otto)

    return published


def saga_of(publication: Publication) -> Saga | None:
    with scope.shared():
        return publishing.saga_of(publication)


def announce(publication: Publication) -> Saga:
    """What a worker does at once: every step that doesn't wait for a day."""
    saga = saga_of(publication)
    assert saga is not None
    with scope.acting(TESTER):
        return sagas.run(saga.pk)


def run_until_done(id: UUID) -> Saga:
    with scope.acting(TESTER):
        return sagas.run(id)
