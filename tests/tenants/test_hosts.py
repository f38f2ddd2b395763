"""I3: the host alone decides whose workspace a request reaches; hostile ones reach none."""

import random
import string
from contextlib import closing

import psycopg2
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from shared_apps.kit import scope
from tenants import hosts
from tenants.models import Domain, State
from tests.conftest import TESTER, Cast

PIECES = [
    "acme",
    "zenith",
    "smoall.localhost",
    ".",
    ":",
    "@",
    "/",
    "\\",
    "%00",
    "%2e",
    "\t",
    " ",
    "..",
    "x",
    "ACME",
    "аcme",
    "acme%",
    "'",
    '"',
    ";",
    "--",
    "t_",
    "xn--",
    ":80",
    ":99999",
    "[::1]",
    "127.0.0.1",
    ",",
    "app",
    "ops",
    "\x7f",
    "é",
]


def hostile_hosts(count: int = 500) -> list[str]:
    """Names glued from pieces that fool parsers; the same ones in every run."""
    chance = random.Random(20260101)
    hosts = [
        "",
        ".",
        "acme",
        "acme.",
        "acme.smoall.localhost.evil.test",
        "evil.test/acme.smoall.localhost",
        "acme.smoall.localhost@evil.test",
        "a" * 300 + ".smoall.localhost",
        "acme..smoall.localhost",
        "-acme.smoall.localhost",
        "acme_.smoall.localhost",
        "*.smoall.localhost",
    ]
    while len(hosts) < count:
        hosts.append(
            "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 6)))
            + chance.choice(["", ".smoall.localhost"])
        )
    return hosts


def answered_by(browser: Browser, host: str, **headers: str) -> tuple[int, str]:
    answer = browser.get("/sign-in/", HTTP_HOST=host, **headers)
    return answer.status_code, answer.content.decode(errors="replace")


def normal(host: str) -> str:
    return host.rsplit(":", 1)[0].lower().rstrip(".")


def test_hostile_hosts_reach_no_workspace(acme: Cast, zenith: Cast) -> None:
    browser = Browser()
    for host in hostile_hosts():
        status, body = answered_by(browser, host)
        if normal(host) == acme.host:
            assert "Zenith" not in body
        elif normal(host) == zenith.host:
            assert "Acme" not in body
        else:
            assert "Acme" not in body, host
            assert "Zenith" not in body, host
            assert status in (200, 301, 302, 400, 403, 404), (host, status)


def test_forwarded_hosts_are_ignored(acme: Cast, zenith: Cast) -> None:
    browser = Browser()
    for host in [zenith.host, *hostile_hosts(100)]:
        for name in ("HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED", "HTTP_X_HOST", "HTTP_X_ORIGINAL_HOST"):
            status, body = answered_by(browser, acme.host, **{name: host})
            assert status == 200
            assert "Zenith" not in body


def test_an_unknown_workspace_has_a_page_of_its_own(db: None) -> None:
    answer = Browser().get("/", HTTP_HOST="nobody-here.smoall.localhost")
    assert answer.status_code == 404
    assert b"There is no workspace here" in answer.content


def test_a_renamed_workspace_redirects_from_its_old_address(acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        Domain.objects.create(tenant=acme.tenant, domain="acme-old", is_primary=False)
    answer = Browser().get("/contacts/?q=x", HTTP_HOST="acme-old.smoall.localhost")
    assert answer.status_code == 301
    assert answer["Location"] == "http://acme.smoall.localhost/contacts/?q=x"


@pytest.mark.parametrize(("state", "status"), [(State.RESTORING, 503), (State.ERASING, 410)])
def test_a_closed_workspace_lets_nobody_in(acme: Cast, state: State, status: int) -> None:
    with scope.shared(actor=TESTER):
        acme.tenant.state = state
        acme.tenant.save()
    answer = Browser().get("/contacts/", HTTP_HOST=acme.host)
    assert answer.status_code == status


def test_a_workspace_of_another_release_gets_the_maintenance_page_and_the_others_work(
    acme: Cast, zenith: Cast
) -> None:
    with scope.shared(actor=TESTER):
        acme.tenant.release = "0.0.1"
        acme.tenant.save()
    answer = Browser().get("/sign-in/", HTTP_HOST=acme.host)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert Browser().get("/sign-in/", HTTP_HOST=zenith.host).status_code == 200


def test_a_request_needs_one_statement_more_than_its_view(acme: Cast) -> None:
    with CaptureQueriesContext(connection) as sent:
        Browser().get("/nowhere/", HTTP_HOST=acme.host)
    tenancy = [query["sql"] for query in sent if hosts.FUNCTION in query["sql"]]
    assert len(tenancy) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_noticed_by_the_look_up_itself(
    committing: None,
) -> None:
    browser, host = Browser(), "acme.smoall.localhost"
    assert browser.get("/sign-in/", HTTP_HOST=host).status_code == 200
    connection.health_check_enabled, connection.health_check_done = True, False
    pid = connection.connection.info.backend_pid
    with closing(psycopg2.connect(settings.SMOALL_ADMIN_URL)) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)
    with CaptureQueriesContext(connection) as sent:
        assert browser.get("/sign-in/", HTTP_HOST=host).status_code == 200
    assert connection.connection.info.backend_pid != pid
    assert not [one["sql"] for one in sent if one["sql"] == "SELECT 1"]


def test_random_labels_are_never_taken_for_a_schema(db: None) -> None:
    chance = random.Random(7)
    for _ in range(50):
        label = "".join(chance.choices(string.ascii_lowercase + string.digits, k=12))
        assert Browser().get("/", HTTP_HOST=f"{label}.smoall.localhost").status_code == 404
