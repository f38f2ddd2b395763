"""Each live check is green on a system that keeps the promise, turns red by a planted fault, and is green without it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from shared_apps.promises.catalogue import PROMISES
from shared_apps.promises.checking import checks, checks_of
from shared_apps.promises.checks import work
from shared_apps.promises.models import Proof
from tests import as_found
from tests.conftest import Cast
from tests.promises import faults
from tests.promises.conftest import looked
from tests.promises.faults import FAULTS, Plant, Stage

PRODUCTION = {
    "SECURE_SSL_REDIRECT": True, "SECURE_HSTS_SECONDS": 31_536_000, "SMOALL_IS_PRODUCTION": True,
    "SECURE_PROXY_SSL_HEADER": None, "SESSION_COOKIE_SECURE": True,
}  # fmt: skip

LONGEST = Proof._meta.get_field("seen").max_length or 0


@contextmanager
def planted(on: Stage, plant: Plant) -> Iterator[None]:
    """The fault, until the block ends: rows, tables and rights by a rollback, files one by one."""
    files = as_found.Files()
    with on.patch.context() as on.patch, transaction.atomic():
        try:
            plant(on)
            yield
        finally:
            files.put_back()
        transaction.set_rollback(True)


def names() -> list[str]:
    return sorted({name for name, _plant in FAULTS})


def title(case: tuple[str, Plant]) -> str:
    name, plant = case
    return f"{'-'.join(checks()[name].promises)} {name}: {plant.__name__.replace('_', ' ')}"


@pytest.fixture(autouse=True)
def _as_in_production(crawled: None, toys: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployment whose settings and logs can be looked at."""
    monkeypatch.setattr(work, "run_checks", lambda **_: [])
    with override_settings(**PRODUCTION):
        yield


@pytest.mark.parametrize("case", FAULTS, ids=title)
def test_P01_to_P44_a_planted_fault_turns_the_check_red_and_without_it_the_check_is_green(
    case: tuple[str, Plant], acme: Cast, zenith: Cast
) -> None:
    name, plant = case
    faults.log("1 GET 200\n")
    before = looked(name)
    assert before.state == "kept", before
    with planted(Stage(acme, zenith, pytest.MonkeyPatch()), plant):
        during = looked(name)
        assert during.state == "broken", during
        assert during.seen % during.numbers
    after = looked(name)
    assert after.state == "kept", after


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert set(checks()) == set(names())


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.id)
def test_every_promise_has_a_live_check_or_a_stated_reason(promise: Any) -> None:
    has_check = bool(checks_of(promise.id))
    assert has_check or promise.untested or promise.arrives_with, promise.id
    assert not (has_check and promise.untested), promise.id


def test_what_a_check_says_of_nobody(acme: Cast, zenith: Cast) -> None:
    """Numbers alone: no name, no address, whatever stands in the workspaces."""
    for name in checks():
        seen = looked(name)
        said = seen.seen % seen.numbers
        assert len(seen.seen) <= LONGEST, name
        assert all(isinstance(value, int) or len(value) < 200 for value in seen.numbers.values()), name
        assert not re.search(r"acme|zenith|olga|@", said, re.IGNORECASE), (name, said)


def test_looking_writes_nothing(acme: Cast, zenith: Cast) -> None:
    from tests.isolation.catalog import checksums

    schemas = ("public", acme.tenant.schema_name, zenith.tenant.schema_name)
    before = [checksums(schema) for schema in schemas]
    for name in checks():
        looked(name)
    assert [checksums(schema) for schema in schemas] == before
