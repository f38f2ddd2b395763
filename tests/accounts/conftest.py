"""People of the shared hosts, and short words for what the tests of accounts look at."""

from collections.abc import Iterator

import pytest

from shared_apps.accounts.models import Kind, SignIn, User
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from tests.conftest import PASSWORD, TESTER, Cast, protect

APP, OPS = "app.smoall.localhost", "ops.smoall.localhost"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW = "seven quiet herons fly"


@pytest.fixture
def operator(db: None) -> User:
    with scope.shared(actor=TESTER):
        person = _person("opal@smoall.test", Kind.OPERATOR)
        protect(person)
        return person


@pytest.fixture
def integrator(db: None) -> User:
    with scope.shared(actor=TESTER):
        return _person("ines@integrator.test", Kind.INTEGRATOR)


def _person(email: str, kind: str) -> User:
    return User.objects.create_user(
        email=email, name=email.split("@")[0].title(), kind=kind, role=OWNER, password=PASSWORD, language="en"
    )


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    from django.utils import translation

    with translation.override("en"):
        yield


def ledger(cast: Cast, user: User) -> list[tuple[str, bool]]:
    """(cause, whether it is closed) of each sign-in of a person, oldest first."""
    with cast.inside():
        rows = SignIn.objects.filter(user_id=user.id).order_by("signed_in_at", "id")
        return [(row.cause, row.signed_out_at is not None) for row in rows]
