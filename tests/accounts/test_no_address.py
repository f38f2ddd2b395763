"""P12: after a whole scenario an address, a port and a user agent are in no column of any table."""

from collections.abc import Callable
from uuid import UUID

from django.db import connection
from django.test import Client as Browser

from shared_apps.accounts.models import Purpose, SignIn, User
from shared_apps.kit import scope
from tests.accounts.conftest import APP, NEW, OPS
from tests.conftest import PASSWORD, TESTER, Cast, next_code

CANARIES = ("203.0.113.99", "2001:db8::cafe", "54321", "CanaryBrowser/7.7", "0xCB007163")
FORGED = {
    "REMOTE_ADDR": "203.0.113.99",
    "REMOTE_PORT": "54321",
    "HTTP_X_FORWARDED_FOR": "2001:db8::cafe, 203.0.113.99",
    "HTTP_FORWARDED": "for=203.0.113.99:54321",
    "HTTP_X_REAL_IP": "203.0.113.99",
    "HTTP_CF_CONNECTING_IP": "2001:db8::cafe",
    "HTTP_USER_AGENT": "CanaryBrowser/7.7 (Windows NT 10.0) Firefox/140.0 at 203.0.113.99",
}


def everything(schema: str) -> str:
    """Every row of every table of a schema, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        tables = [row[0] for row in cursor.fetchall()]
        text = ""
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t')
            text += "\n".join(row[0] for row in cursor.fetchall())
    assert tables
    return text


def found_in(tenant: UUID | None) -> list[str]:
    with scope.owner(tenant=tenant):
        text = everything(scope.current().schema)
    return [canary for canary in CANARIES if canary in text]


def test_P12_no_address_port_or_user_agent_is_in_any_table(
    acme: Cast, operator: User, integrator: User, browser: Callable[..., Browser]
) -> None:
    with acme.inside():
        reset = User.objects.get(id=acme.admin.id).link(Purpose.RESET)
    for host, person in ((acme.host, acme.colleague), (OPS, operator), (APP, integrator)):
        here = Browser(HTTP_HOST=host, **FORGED)
        here.get("/sign-in/")
        for _ in range(3):
            here.post("/sign-in/", {"email": person.email, "password": "wrong"})
        here.post("/forgot/", {"email": person.email})
        assert here.post("/sign-in/", {"email": person.email, "password": PASSWORD}).status_code == 302
        if person is operator:
            with scope.shared(actor=TESTER):
                code = next_code(operator)
            assert here.post("/sign-in/second/", {"code": code}).status_code == 302
        assert here.get("/me/sessions/").status_code == 200
        here.post("/me/", {"name": f"{person.name} II", "language": "en"})
        here.post("/me/password/", {"current": PASSWORD, "password": NEW})
    Browser(HTTP_HOST=acme.host, **FORGED).post(reset, {"password": NEW})
    owner = Browser(HTTP_HOST=acme.host, **FORGED)
    owner.post("/sign-in/", {"email": acme.owner.email, "password": PASSWORD})
    owner.post("/team/invite/", {"name": "Ivy", "email": "ivy@acme.test", "role": 1, "language": "fr"})
    owner.post(f"/team/{acme.colleague.id}/deactivate/")
    with acme.inside():
        assert "Firefox on Windows" in set(SignIn.objects.values_list("device", flat=True))
    assert found_in(acme.id) == []
    assert found_in(None) == []


def test_the_search_would_find_a_canary(acme: Cast) -> None:
    with acme.inside():
        SignIn.objects.create(
            user_id=acme.owner.id, session_hash="x", device="203.0.113.99", signed_in_at=acme.owner.created_at
        )
    assert found_in(acme.id) == ["203.0.113.99"]
