"""The stand-in's process: the interface at /v1/, the pages beside it, a clock that ticks and events that go out."""

import hashlib
import hmac
import json
import secrets
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from billing.standin import (
    HOST,
    Place,
    balance,
    catalogue,
    changes,
    checkout,
    clock,
    credit_notes,
    customers,
    delivery,
    disputes,
    invoices,
    items,
    pages,
    payments,
    reading,
    subscriptions,
)  # fmt: skip
from billing.standin.asked import ROUTES, Asked, Refused, missing
from billing.standin.store import NOBODY, VERSION, Thing, Unknown, World, public

MOST_BYTES = 1024 * 1024
TICK = 0.5  # seconds
POLL = 0.1  # seconds until it is noticed that a server shall end
# Lists of an object that come only when `expand` asks for them.
ON_REQUEST: dict[str, Callable[[World, Thing, str], Thing | None]] = {
    "invoice": invoices.shown,
    "customer": customers.shown,
    "checkout.session": checkout.shown,
}
# Whose functions answer at the interface's addresses, by having been imported (`asked.route`).
ANSWERING = (
    balance, catalogue, changes, checkout, clock, credit_notes, customers, disputes, invoices, items, payments, reading,
    subscriptions,
)  # fmt: skip
Answer = tuple[int, dict[str, str], bytes]


def serve(place: Place) -> None:
    """Run until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    running = Running(place)
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    running.start()
    ended.wait()
    running.end()


class Running:
    """A stand-in that answers at a port (0: a free one), with its threads. `ticks` and `delivers` may be left to a test."""

    def __init__(self, place: Place, *, ticks: bool = True, delivers: bool = True) -> None:
        self.servers = [_Server(("127.0.0.1", place.port))]
        port = self.servers[0].server_address[1]
        with suppress(OSError):  # a machine without IPv6, or somebody else there
            self.servers.append(_Server(("::1", port)))
        self.world = World(Place(**{name: getattr(place, name) for name in Place.__slots__} | {"port": port}))
        self.faults: list[int] = []  # statuses that the next calls of the interface are answered with
        for server in self.servers:
            server.running = self
        self._ended = threading.Event()
        work: list[Callable[[], None]] = [partial(server.serve_forever, POLL) for server in self.servers]
        work += [self._tick] if ticks else []
        work += [self._deliver] if delivers else []
        self._threads = [threading.Thread(target=target, daemon=True) for target in work]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.world.place.port}"

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        self.world.news.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)
        self.world.close()

    def _tick(self) -> None:
        while not self._ended.wait(TICK):
            with _surviving():
                clock.run(self.world, forgiving=True)

    def _deliver(self) -> None:
        while not self._ended.is_set():
            self.world.news.clear()
            arrived = False
            with _surviving():
                arrived = delivery.deliver(self.world)
            if not arrived:
                self.world.news.wait(TICK)


@contextmanager
def _surviving() -> Iterator[None]:
    """A fault of one thing is told in the log, and does not end the work on others."""
    try:
        yield
    except Exception:
        traceback.print_exc()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    running: Running

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever went away in the middle is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        64 * 1024
    )  # headers and body leave together: apart, each answer would wait for an acknowledgement
    server: _Server
    timeout = 60

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: neither addresses nor what was typed."""

    def _answer(self) -> None:
        running, address = self.server.running, urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._send((413, {}, b""))
            return
        body = self.rfile.read(int(length)).decode(errors="replace")
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
        if host not in ("127.0.0.1", "localhost", "[::1]", HOST):
            self._send((421, {}, b"Ask for this host by its own name.\n"))
        elif address.path.startswith("/v1/"):
            given = body if self.command == "POST" else address.query
            self._send(interface(running, self.command, address.path, given, self.headers))
        else:
            self._send(
                pages.answer(running.world, self.command, address.path, address.query, body, self.headers)
            )

    def _send(self, answer: Answer) -> None:
        status, headers, body = answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


# --- the interface ------------------------------------------------------------------------------------------


def interface(running: Running, method: str, path: str, given: str, headers: Message) -> Answer:
    """An answer of the interface: the key, the idempotency key, the function, in one transaction."""
    world, key = running.world, headers.get("Idempotency-Key", "")
    request = f"req_{secrets.token_hex(7)}"
    told = {"Content-Type": "application/json", "Request-Id": request, "Stripe-Version": VERSION}
    if running.faults:
        status = running.faults.pop(0)
        kind = "rate_limit" if status == 429 else ""
        return _said(status, told, Refused("Simulated.", status=status, code=kind, type="api_error").body)
    if headers.get("Stripe-Version", VERSION) != VERSION:
        return _said(
            400, told, Refused(f"Invalid Stripe API version: the stand-in speaks {VERSION} alone.").body
        )
    if not _is_let_in(world, headers.get("Authorization", "")):
        refused = Refused("Invalid API Key provided: sk_test_****", status=401)
        return _said(401, told, refused.body)
    mark = hashlib.sha256(f"{method} {path}\n{given}".encode()).hexdigest()
    if key:
        told["Idempotency-Key"] = key
    try:
        with world.transaction():
            if key and method == "POST" and (found := _before(world, key)):
                if found[0] != mark:
                    message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
                    raise Refused(message, type="idempotency_error")
                return _said(found[1], told | {"Idempotent-Replayed": "true"}, json.loads(found[2]))
            world.request = {"id": request, "idempotency_key": key or None}
            try:
                status, body = 200, _handled(world, method, path, given)
            except Refused as refused:
                if not refused.keeps:
                    raise
                status, body = refused.status, refused.body
            finally:
                world.request = NOBODY
            if key and method == "POST":
                world.sql(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?)",
                    key,
                    mark,
                    status,
                    json.dumps(body),
                    world.real(),
                )
        return _said(status, told, body)
    except Refused as refused:
        return _said(refused.status, told, refused.body)
    except Unknown as unknown:
        return _said(404, told, missing(*unknown.args).body)
    except Exception:
        traceback.print_exc()
        return _said(500, told, Refused("A fault of the stand-in: see its log.", type="api_error").body)


def _said(status: int, headers: dict[str, str], body: Thing) -> Answer:
    return status, headers, json.dumps(body, indent=2).encode()


def _is_let_in(world: World, header: str) -> bool:
    return hmac.compare_digest(header, f"Bearer {world.place.key}")


def _before(world: World, key: str) -> Any:
    found = world.sql("SELECT request, status, body FROM answer WHERE key = ?", key)
    return found[0] if found else None


def _handled(world: World, method: str, path: str, given: str) -> Thing:
    for verb, pattern, handler in sorted(ROUTES, key=lambda one: one[1].groups):  # those without an id first
        match = pattern.match(path)
        if match and verb == method:
            asked = Asked.of(given)
            wanted = asked.texts("expand")
            thing = handler(world, asked, *match.groups())
            asked.refuse_unread()
            shown: Thing = public(thing)
            for one in wanted:
                _expand(world, thing, shown, one.split("."))
            return shown
    raise Refused(f"Unrecognized request URL ({method}: {path}).", status=404)


def _expand(world: World, thing: Thing, shown: Thing, path: list[str]) -> None:
    """Put an object in the place of its id, or a list that comes only when asked for."""
    name, rest = path[0], path[1:]
    on_request = ON_REQUEST.get(thing.get("object", ""))
    if name not in shown and on_request and (found := on_request(world, thing, name)):
        shown[name] = public(found)
    value = shown.get(name)
    if isinstance(value, str):
        found = world.any(value)
        if found is None:
            raise Refused(f"This property cannot be expanded ({name}).", param="expand")
        shown[name] = public(found)
    elif value is None and name not in shown:
        raise Refused(f"This property cannot be expanded ({name}).", param="expand")
    members = shown[name] if isinstance(shown[name], list) else [shown[name]]
    for number, member in enumerate(members):
        if isinstance(member, str) and (found := world.any(member)):
            shown[name][number] = member = public(found)
        if rest and isinstance(member, dict):
            _expand(world, world.any(member.get("id", "")) or member, member, rest)
