"""Signs that a database refuses, in every field that anybody may type into: a form again, never an error."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from tenants.models import Departure
from tests.accounts.conftest import operator
from tests.conftest import Cast
from tests.leaving.conftest import contact, departed, link

__all__ = ["contact", "departed", "operator"]
ODD = ("a\0b", "\ud83d", "%_\\é\r\n" * 300)
TRIED = ("company", "subdomain", "name", "email", "password", "next")
FIELDS = {"company": "Ok", "country": "BE", "vat_number": "", "language": "en", "subdomain": "okokok",
          "suggested": "", "take": "", "name": "Ok", "email": "ok@ok.test", "password": "x", "terms": "on", "next": "/",
          "organisation": "O", "office": "o@o.test"}  # fmt: skip


def refused(browser: Browser, address: str, odd: str) -> None:
    for field in TRIED:
        typed = {**FIELDS, field: odd}
        body = "&".join(f"{name}={_quoted(value)}" for name, value in typed.items())
        answer = browser.post(address, body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code < 500, f"{address} {field}"


def _quoted(value: str) -> str:
    return "".join(f"%{byte:02x}" for byte in value.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_visitor_may_type_anything(acme: Cast, browser: Callable[..., Browser], odd: str) -> None:
    visitor = browser("app.smoall.localhost")
    for address in ("/sign-up/", "/sign-up/name/", "/find/", "/forgot/", "/sign-in/"):
        refused(visitor, address, odd)
    for address in ("/forgot/", "/sign-in/"):
        refused(browser(acme), address, odd)


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_an_operator_may_type_anything(operator: object, browser: Callable[..., Browser], odd: str) -> None:
    inside = browser("ops.smoall.localhost", operator)
    for address in ("/clients/new/", "/integrators/new/", "/operators/invite/"):
        refused(inside, address, odd)


@pytest.mark.parametrize("odd", [*ODD, "\u0662\u0660"], ids=ascii)
@pytest.mark.parametrize("verb", ["correct", "day", "erase"])
def test_a_contact_person_may_type_anything_and_a_pages_own_marks_may_come_back_as_anything(
    contact: Browser, departed: Departure, verb: str, odd: str
) -> None:
    whole = {"company": "C", "country": "BE", "language": "en", "contact_name": "C", "contact_email": "c@c.test",
             "on": "2027-01-01", "seen": "x", "typed_name": "C"}  # fmt: skip
    for field in whole:
        body = "&".join(f"{name}={_quoted(value)}" for name, value in {**whole, field: odd}.items())
        answer = contact.post(
            f"{link(departed)}{verb}/", body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code < 500, field
