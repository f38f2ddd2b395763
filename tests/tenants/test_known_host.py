"""What the proxy in front asks before it orders a certificate: only hosts that answer get one."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from tests.conftest import Cast

KNOWN = (
    "smoall.localhost",
    "www.smoall.localhost",
    "app.smoall.localhost",
    "ops.smoall.localhost",
    "ACME.smoall.localhost",
)
UNKNOWN = (
    "",
    "nobody.smoall.localhost",
    "a.b.smoall.localhost",
    "example.org",
    "smoall.localhost.example.org",
    "..",
)


@pytest.mark.parametrize("host", KNOWN)
def test_a_host_of_ours_is_known(acme: Cast, browser: Callable[..., Browser], host: str) -> None:
    assert browser("web").get("/internal/known-host", {"domain": host}).status_code == 200


@pytest.mark.parametrize("host", UNKNOWN)
def test_any_other_host_is_not(acme: Cast, browser: Callable[..., Browser], host: str) -> None:
    assert browser("web").get("/internal/known-host", {"domain": host}).status_code == 404
