"""Two operators on ops., a person of an integrator, and short words for what the tests look at."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.utils import translation

from shared_apps.accounts.models import Kind, User
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from tenants.models import Tenant
from tests.conftest import PASSWORD, TESTER, protect
from tests.integrators.conftest import Partner, make_partner

OPS = "ops.smoall.localhost"
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def make_operator(name: str) -> User:
    with scope.shared(actor=TESTER):
        person: User = User.objects.create_user(
            email=f"{name.lower()}@smoall.test", name=name, kind=Kind.OPERATOR, role=OWNER, language="en",
            password=PASSWORD,
        )  # fmt: skip
        protect(person)
    return person


@pytest.fixture
def opal(db: None) -> User:
    return make_operator("Opal")


@pytest.fixture
def otto(db: None) -> User:
    return make_operator("Otto")


@pytest.fixture
def partner(db: None) -> Partner:
    return make_partner("Links & Co", "links.test")


@pytest.fixture
def here(opal: User, browser: Callable[..., Browser]) -> Browser:
    """Opal's browser, signed in."""
    return browser(OPS, opal)


def page_of(browser: Browser, address: str, **query: Any) -> str:
    answer = browser.get(address, query)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return answer.content.decode()


def again(tenant: UUID) -> Tenant:
    with scope.shared():
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=tenant)
