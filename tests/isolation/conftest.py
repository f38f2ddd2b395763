"""People of the shared hosts: an operator, an integrator of zenith, and one whom nobody has linked."""

from collections.abc import Iterator

import pytest
from django.utils import timezone, translation

from shared_apps.accounts.models import Kind, User
from shared_apps.integrators.models import Link, Membership, Organisation
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from tests.conftest import PASSWORD, TESTER, Cast, protect

APP, OPS = "app.smoall.localhost", "ops.smoall.localhost"


@pytest.fixture
def operator(db: None) -> User:
    found = person("opal@smoall.test", Kind.OPERATOR)
    with scope.shared(actor=TESTER):
        protect(found)
    return found


@pytest.fixture
def linked(zenith: Cast) -> User:
    """Works for an integrator that zenith has linked, and both have agreed."""
    found = person("lea@linked.test", Kind.INTEGRATOR)
    join(found, "Linked")
    with scope.shared(actor=TESTER):
        now = timezone.now()
        Link.objects.create(
            organisation=found.membership.organisation, client_id=zenith.tenant.client_id, accepted_at=now
        )
    return found


@pytest.fixture
def unlinked(db: None) -> User:
    found = person("udo@unlinked.test", Kind.INTEGRATOR)
    join(found, "Unlinked")
    return found


def person(email: str, kind: str) -> User:
    with scope.shared(actor=TESTER):
        return User.objects.create_user(
            email=email,
            name=email.split("@")[0].title(),
            kind=kind,
            role=OWNER,
            password=PASSWORD,
            language="en",
        )


def join(integrator: User, name: str) -> None:
    with scope.shared(actor=TESTER):
        organisation = Organisation.objects.create(name=name, email=integrator.email)
        Membership.objects.create(user=integrator, organisation=organisation)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield
