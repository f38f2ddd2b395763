"""P16, P33: this program connects to itself, its own servers and verified partners; anything else is refused and counted."""

import _socket
import asyncio
import http.client
import os
import smtplib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from config.env import Env
from config.servers import servers
from shared_apps.accounts.models import User
from shared_apps.kit import outgoing, scope
from shared_apps.kit.outgoing import Destination, Refused
from shared_apps.sharing.models import Partner, Refusal
from shared_apps.sharing.models.refusal import MOST_HOSTS, OTHERS
from tests.conftest import TESTER
from tests.sharing.conftest import HOST, make_shared_with

PUBLIC, OTHER = "93.184.216.34", "151.101.1.69"
PRIVATE = ("10.0.0.7", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
           "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.7", "64:ff9b::a00:7", "2002:a00:7::1")  # fmt: skip
UNKNOWN = "tracker.example"


@pytest.fixture(autouse=True)
def _counts_go() -> Iterator[None]:
    """They are committed beside the test's own transaction."""
    outgoing._resolved.clear()
    yield
    outgoing._resolved.clear()


@pytest.fixture
def counted(db: None) -> Iterator[Callable[[], dict[str, int]]]:
    """{host: refusals} of today, as another connection sees them; taken away afterwards."""
    from shared_apps.jobs import guard

    guard.execute_aside("DELETE FROM sharing_refusal", [])
    yield lambda: _counts()
    guard.execute_aside("DELETE FROM sharing_refusal", [])


def _counts() -> dict[str, int]:
    with scope.shared():
        return dict(Refusal.objects.values_list("host", "count"))


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver without a network: what each name points to now."""
    names: dict[str, list[str]] = {}

    def answer(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        if host not in names:
            raise socket.gaierror("unknown")
        return [
            (socket.AF_INET6 if ":" in at else socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, port))
            for at in names[host]
        ]

    monkeypatch.setattr(outgoing, "_plain_getaddrinfo", answer)
    return names


def connects(address: str, port: int = 443) -> bool:
    """Whether the guard would let a socket connect; none does, there is no network here."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        try:
            outgoing._hear("socket.connect", (sock, (address, port)))
        except Refused:
            return False
    return True


# --- every way out --------------------------------------------------------------------------------------------


def by_asyncio() -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(UNKNOWN, 443), 5))


def by_c_socket() -> None:
    sock = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.connect((PUBLIC, 443))
    finally:
        sock.close()


def by_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (PUBLIC, 53))


def by_datagram_and_name() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", 0, (UNKNOWN, 53))


def by_connect_ex() -> None:
    with socket.socket() as sock:
        sock.connect_ex((PUBLIC, 443))


def by_name() -> None:
    with socket.socket() as sock:
        sock.connect((UNKNOWN, 443))


def by_boto() -> None:
    import boto3
    from botocore.config import Config

    quick = Config(connect_timeout=2, read_timeout=2, retries={"max_attempts": 1})
    store = boto3.client("s3", endpoint_url=f"https://{UNKNOWN}", aws_access_key_id="a", aws_secret_access_key="b",
                         region_name="eu", config=quick)  # fmt: skip
    store.list_buckets()


def by_stripe() -> None:
    import stripe

    stripe.StripeClient("sk_test_x", max_network_retries=0).v1.customers.list()


WAYS: dict[str, Callable[[], Any]] = {
    "create_connection": lambda: socket.create_connection((UNKNOWN, 443), timeout=2),
    "http.client": lambda: http.client.HTTPSConnection(UNKNOWN, timeout=2).request("GET", "/"),
    "urllib": lambda: urllib.request.urlopen(f"https://{UNKNOWN}/pixel.gif", timeout=2),
    "smtplib": lambda: smtplib.SMTP(UNKNOWN, 25, timeout=2),
    "an address": lambda: socket.create_connection((PUBLIC, 443), timeout=2),
    "gethostbyname": lambda: socket.gethostbyname(f"secret.{UNKNOWN}"),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex(UNKNOWN),
    "C getaddrinfo": lambda: _socket.getaddrinfo(UNKNOWN, 443),
    "getnameinfo": lambda: socket.getnameinfo((PUBLIC, 443), 0),
    "asyncio": by_asyncio,
    "C socket": by_c_socket,
    "datagram": by_datagram,
    "datagram by name": by_datagram_and_name,
    "connect_ex": by_connect_ex,
    "connect by name": by_name,
    "the S3 client": by_boto,
    "the payment processor's client": by_stripe,
}


def refusals(error: BaseException | None) -> bool:
    """Whether a Refused stands behind it, however a library wrapped it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Refused) or "no destination of this deployment" in str(error):
            return True
        seen.add(id(error))
        reason = getattr(error, "reason", None)
        error = (
            error.__cause__ or error.__context__ or (reason if isinstance(reason, BaseException) else None)
        )
    return False


def got_out(ways: dict[str, Callable[[], Any]] = WAYS) -> list[str]:
    """The ways on which nothing was refused."""
    found = []
    for name, way in ways.items():
        told: list[str] = []
        outgoing.witnesses.append(told.append)
        try:
            way()
        except Exception as error:
            if not told or not refusals(error):
                found.append(name)
        else:
            found.append(name)
        finally:
            outgoing.witnesses.remove(told.append)
    return found


def test_P16_no_library_reaches_a_host_that_nobody_allowed(counted: Callable[[], dict[str, int]]) -> None:
    """By construction: also one that opens the interpreter's own C sockets, and one that is installed tomorrow."""
    assert got_out() == []


def test_P33_what_is_refused_is_counted_by_host_and_day(counted: Callable[[], dict[str, int]]) -> None:
    for _time in range(3):
        with pytest.raises(Refused):
            socket.create_connection((UNKNOWN, 443), timeout=2)
    with pytest.raises(Refused):
        socket.create_connection((PUBLIC, 443), timeout=2)
    with pytest.raises(Refused):
        socket.getaddrinfo("olga-acme-test.some.data.collector.example", 443)
    assert counted() == {UNKNOWN: 3, outgoing.NO_NAME: 1, "data.collector.example": 1}, (
        "neither address nor long name"
    )


def test_P33_a_flood_of_names_is_counted_together(counted: Callable[[], dict[str, int]]) -> None:
    today = timezone.localdate()
    with scope.shared(actor=TESTER):
        Refusal.objects.bulk_create(Refusal(host=f"h{n}.example", on=today) for n in range(MOST_HOSTS))
        from django.db import connection

        from shared_apps.sharing.models.refusal import COUNT

        for host in ("new.example", "newer.example", "h1.example"):
            values = {"id": Refusal().id, "host": host, "on": today, "most": MOST_HOSTS, "others": OTHERS}
            with connection.cursor() as cursor:
                cursor.execute(COUNT, values)
        assert Refusal.objects.get(host=OTHERS).count == 2
        assert Refusal.objects.get(host="h1.example").count == 2


def test_P33_a_list_that_allows_everything_is_noticed(
    monkeypatch: pytest.MonkeyPatch, counted: Callable[[], dict[str, int]], resolves: dict[str, list[str]]
) -> None:
    """The planted fault: a source that names the tracker."""
    resolves[UNKNOWN] = [PUBLIC]
    monkeypatch.setattr(outgoing, "sources", [lambda: [Destination(UNKNOWN)]])
    assert "resolving" in got_out({"resolving": lambda: socket.getaddrinfo(UNKNOWN, 443)})


# --- partners -------------------------------------------------------------------------------------------------


def test_P16_a_verified_partner_is_reached_and_only_at_what_its_name_points_to(
    otto: User, resolves: dict[str, list[str]], counted: Callable[[], dict[str, int]]
) -> None:
    make_shared_with(otto)
    resolves[HOST] = [PUBLIC]
    assert not connects(PUBLIC), "nobody has asked for its name yet"
    socket.getaddrinfo(HOST, 443)
    assert connects(PUBLIC) and not connects(PUBLIC, 80) and not connects(PUBLIC, 25) and not connects(OTHER)


@pytest.mark.parametrize("state", ["unverified", "ended"])
def test_P31_a_partner_that_is_not_verified_or_was_ended_is_not_reached(
    otto: User, resolves: dict[str, list[str]], state: str, counted: Callable[[], dict[str, int]]
) -> None:
    partner = make_shared_with(otto, is_verified=state == "ended")
    resolves[HOST] = [PUBLIC]
    if state == "ended":
        socket.getaddrinfo(HOST, 443)
        with scope.shared(actor=TESTER):
            partner.end(now=timezone.now())
    with pytest.raises(Refused):
        socket.getaddrinfo(HOST, 443)
    assert counted()[HOST] == 1


@pytest.mark.parametrize("address", PRIVATE)
def test_P16_a_partners_name_that_points_inside_has_no_address(
    otto: User, resolves: dict[str, list[str]], address: str, counted: Callable[[], dict[str, int]]
) -> None:
    """A name may be anybody's: our own network is not reached through it."""
    make_shared_with(otto)
    resolves[HOST] = [address]
    with pytest.raises(Refused):
        socket.getaddrinfo(HOST, 443)
    resolves[HOST] = [address, PUBLIC]
    assert [answer[4][0] for answer in socket.getaddrinfo(HOST, 443)] == [PUBLIC]


def test_P16_a_name_that_points_elsewhere_a_moment_later_changes_nothing(
    otto: User,
    resolves: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    counted: Callable[[], dict[str, int]],
) -> None:
    """DNS rebinding: looked at is what is connected to."""
    make_shared_with(otto)
    resolves[HOST] = [PUBLIC]
    found = socket.getaddrinfo(HOST, 443)[0][4][0]
    resolves[HOST] = ["10.0.0.7"]
    assert connects(str(found)) and not connects("10.0.0.7")
    with socket.socket() as sock, pytest.raises(Refused):
        outgoing._hear("socket.connect", (sock, (HOST, 443)))
    monkeypatch.setattr(outgoing, "monotonic", lambda: 1e12)
    assert not connects(str(found)), "a minute later it has to be asked for again"


def test_an_unreadable_register_allows_nothing(
    monkeypatch: pytest.MonkeyPatch, resolves: dict[str, list[str]]
) -> None:
    def broken() -> Any:
        raise RuntimeError

    monkeypatch.setattr(outgoing, "sources", [broken])
    monkeypatch.setattr(outgoing, "witnesses", [broken])
    resolves[HOST] = [PUBLIC]
    with pytest.raises(Refused):
        socket.getaddrinfo(HOST, 443)


# --- our own servers ------------------------------------------------------------------------------------------


def test_this_machine_is_always_reached(db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=2).close()
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=2).close()
    socket.getfqdn()
    left, right = socket.socketpair()
    left.close()
    right.close()


def test_the_deployments_servers_are_its_database_mail_server_and_web_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMOALL_WEB", "http://web.internal:8080")
    found = servers(
        Env.read(), {"HOST": "Db.internal", "PORT": 5432}, {"EMAIL_HOST": "mx.internal", "EMAIL_PORT": 587}
    )
    assert [(one.host, one.port, one.is_ours) for one in found] == [
        ("db.internal", 5432, True), ("mx.internal", 587, True), ("web.internal", 8080, True),
    ]  # fmt: skip


def test_our_mail_server_may_stand_in_a_private_network_at_its_port_alone(
    monkeypatch: pytest.MonkeyPatch, resolves: dict[str, list[str]], counted: Callable[[], dict[str, int]]
) -> None:
    monkeypatch.setattr(outgoing, "_ours", (Destination("mx.internal", 587, is_ours=True),))
    resolves["mx.internal"] = ["10.0.0.9"]
    socket.getaddrinfo("mx.internal", 587)
    assert connects("10.0.0.9", 587) and not connects("10.0.0.9", 5432)


@pytest.mark.parametrize("process", ["web", "worker", "command"])
def test_P16_every_kind_of_process_is_guarded(process: str) -> None:
    """As it starts: none of them has asked for the guard itself."""
    start = "import config.wsgi" if process == "web" else "import django; django.setup()"
    program = "\n".join(
        (start, "import socket", "try:", "    socket.create_connection(('203.0.114.9', 443), 2)",
         "except OSError as error:", "    print(type(error).__name__)")
    )  # fmt: skip
    environment = os.environ | {"SMOALL_PROCESS": process, "DJANGO_SETTINGS_MODULE": "config.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(settings.BASE_DIR), env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() == "Refused", ended.stderr[-500:]


def test_the_guard_looks_at_nothing_of_an_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending and receiving make no event that it knows; a page makes none at all (docs/decisions/0015-outgoing.md)."""
    heard: list[str] = []
    left, right = socket.socketpair()
    known = {event: lambda *_: heard.append("checked") for event in outgoing._CHECKS}
    monkeypatch.setattr(outgoing, "_CHECKS", known)
    for _turn in range(10):
        left.sendall(b"x")
        right.recv(1)
    left.close()
    right.close()
    assert heard == []


def test_counts_are_forgotten_after_ninety_days(db: None) -> None:
    from datetime import timedelta

    today = timezone.localdate()
    with scope.shared(actor=TESTER):
        Refusal.objects.create(host="old.example", on=today - timedelta(days=92))
        Refusal.objects.create(host="new.example", on=today - timedelta(days=80))
        Refusal.forget(timezone.now())
        assert list(Refusal.objects.values_list("host", flat=True)) == ["new.example"]


def test_P16_nothing_is_a_partner_that_is_not_one(db: None) -> None:
    """A release seeds no partner: each is registered and read by somebody."""
    with scope.shared():
        assert not Partner.objects.exists()
        assert list(outgoing.destinations()) == list(outgoing._ours)
