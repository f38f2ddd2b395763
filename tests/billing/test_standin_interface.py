"""The stand-in's interface: keys, errors, pages of lists, idempotency, signed events with retries, and a kill in between."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from billing import gateway
from billing.standin import Place, delivery
from billing.standin.server import Running
from billing.standin.store import DAY
from tests.billing.conftest import GOOD, KEY, LATE, SECRET, Processor, Shop

ROOT = Path(__file__).resolve().parents[2]


# --- keys and errors --------------------------------------------------------------------------------------------


def test_a_wrong_key_is_not_let_in(processor: Processor) -> None:
    api = processor.address
    stranger = stripe.StripeClient(
        "sk_test_other", base_addresses={"api": api, "connect": api, "files": api, "meter_events": api}
    )
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()


@pytest.mark.parametrize(
    ("ask", "status", "code", "param"),
    [
        (lambda v1: v1.customers.retrieve("cus_none"), 404, "resource_missing", "id"),
        (lambda v1: v1.subscriptions.create(params={"items": []}), 400, "parameter_missing", "customer"),
        (lambda v1: v1.prices.create(params={"currency": "eur", "product": "prod_none", "unit_amount": 1}),
         400, "resource_missing", "product"),
        (lambda v1: v1.customers.create(params={"nickname": "x"}), 400, "parameter_unknown", "nickname"),
        (lambda v1: v1.customers.list(params={"limit": 500}), 400, None, "limit"),
        (lambda v1: v1.customers.list(params={"starting_after": "cus_none"}), 400, "resource_missing", "starting_after"),
    ],
)  # fmt: skip
def test_errors_have_the_processors_shape(
    processor: Processor, ask: Callable[[Any], Any], status: int, code: str, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        ask(processor.client().v1)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (status, code, param)
    assert refused.value.request_id
    assert processor.events("customer.created") == [], "nothing half done"


def test_the_library_repeats_after_a_fault_and_says_when_it_was_too_hasty(processor: Processor) -> None:
    processor.running.faults += [409, 500]
    made = processor.client(max_network_retries=2).v1.customers.create(params={"name": "Acme"})
    assert made.name == "Acme" and processor.running.faults == []
    processor.running.faults += [429]
    with pytest.raises(stripe.RateLimitError):
        processor.client().v1.customers.list()


def test_another_version_is_refused_and_a_fault_is_said(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = processor.address
    older = stripe.StripeClient(
        KEY,
        stripe_version="2024-06-20",
        base_addresses={"api": api, "connect": api, "files": api, "meter_events": api},
    )
    with pytest.raises(stripe.InvalidRequestError, match="version"):
        older.v1.customers.list()
    monkeypatch.setattr(processor.world, "add", lambda *_, **__: 1 / 0)
    with pytest.raises(stripe.APIError, match="fault of the stand-in"):
        processor.client().v1.customers.create(params={"name": "Acme"})


def test_a_test_clock_is_moved_by_the_interface_too(processor: Processor, shop: Shop) -> None:
    helpers = shop.client.v1.test_helpers.test_clocks
    clock = helpers.create(params={"frozen_time": processor.now, "name": "A year"})
    customer = shop.customer(test_clock=clock.id)
    processor.attached(customer)
    made = shop.subscribe(customer, trial_period_days=30)
    moved = helpers.advance(clock.id, params={"frozen_time": processor.now + 365 * DAY})
    assert moved.status == "ready" and moved.frozen_time == processor.now
    invoices = shop.client.v1.invoices.list(params={"subscription": made.id, "limit": 100}).data
    assert [invoice.status for invoice in invoices] == ["paid"] * 13, "the trial's and twelve months'"
    starts = [line.period.start for invoice in invoices for line in invoice.lines.data][::-1]
    assert starts == sorted(starts) and len(set(starts)) == 13
    with pytest.raises(stripe.InvalidRequestError):
        helpers.advance(clock.id, params={"frozen_time": 1})
    assert processor.drift() == []


# --- lists ------------------------------------------------------------------------------------------------------


def test_lists_are_paged_newest_first_and_filtered(processor: Processor) -> None:
    v1 = processor.client().v1
    made = []
    for number in range(25):
        made.append(v1.customers.create(params={"name": str(number), "email": f"{number % 2}@acme.test"}).id)
        processor.pass_time(seconds=10)
    first = v1.customers.list(params={"limit": 10})
    assert [one.id for one in first.data] == made[::-1][:10] and first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
    before = v1.customers.list(params={"limit": 3, "ending_before": made[10]})
    assert [one.id for one in before.data] == [made[13], made[12], made[11]]
    since = v1.customers.retrieve(made[20]).created
    assert len(v1.customers.list(params={"created": {"gte": since}}).data) == 5
    assert len(v1.customers.list(params={"email": "1@acme.test", "limit": 100}).data) == 12
    types = v1.events.list(params={"types": ["customer.created"], "limit": 100}).data
    assert len(types) == 25 and v1.events.retrieve(types[0].id).data.object["id"] == made[-1]


# --- idempotency ------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_no_second_effect(processor: Processor) -> None:
    v1 = processor.client().v1
    options = gateway.once("customer", 7)
    first = v1.customers.create(params={"name": "Acme"}, options=options)
    again = v1.customers.create(params={"name": "Acme"}, options=options)
    assert first.id == again.id and again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(processor.events("customer.created")) == 1
    with pytest.raises(stripe.IdempotencyError):
        v1.customers.create(params={"name": "Zenith"}, options=options)
    assert processor.events("customer.created")[0]["request"]["idempotency_key"] == "smoall:customer:7"


def test_a_decline_is_repeated_too_and_a_bad_request_may_be_mended(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    made = shop.subscribe(customer, payment_behavior="default_incomplete")
    late, good = processor.card(LATE), processor.card(GOOD)
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            shop.client.v1.invoices.pay(
                made.latest_invoice, params={"payment_method": late}, options=gateway.once("pay")
            )  # type: ignore[arg-type]
    assert len(processor.events("charge.failed")) == 1
    options = gateway.once("mended")
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay("in_none", params={"payment_method": good}, options=options)
    paid = shop.client.v1.invoices.pay(made.latest_invoice, params={"payment_method": good}, options=options)  # type: ignore[arg-type]
    assert paid.status == "paid"


def test_the_same_key_from_many_at_once_makes_one(processor: Processor) -> None:
    found: list[str] = []

    def create() -> None:
        made = processor.client().v1.customers.create(
            params={"name": "Acme"}, options=gateway.once("at once")
        )
        found.append(made.id)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


# --- events -----------------------------------------------------------------------------------------------------


def test_events_are_signed_as_the_processor_signs_them(processor: Processor) -> None:
    processor.client().v1.customers.create(params={"name": "Acmé"})
    event = processor.events("customer.created")[0]
    body, header = processor.signed(event)
    read = gateway.client().construct_event(body, header, SECRET)
    assert (read.id, read.type, read.api_version) == (event["id"], "customer.created", gateway.VERSION)
    theirs = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, int(header[2:12]))
    assert header == theirs
    for broken in (
        (body + b" ", header),
        (body, processor.signed(event, secret="whsec_other")[1]),
        (body, processor.signed(event, at=int(time.time()) - 301)[1]),
        (body, ""),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            gateway.client().construct_event(*broken, SECRET, tolerance=gateway.TOLERANCE)


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Whoever gets the events: answers with `statuses` in turn, then 200; `got` holds what arrived."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((body, dict(self.headers.items())))
            self.send_response(server.statuses.pop(0) if server.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server: Any = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.statuses = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_event_that_is_refused_comes_again_after_growing_pauses(
    tmp_path: Path, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(
        tmp_path,
        KEY,
        SECRET,
        0,
        f"http://127.0.0.1:{receiver.server_port}/billing/events/",
        "app.smoall.localhost",
    )
    running = Running(place, ticks=False, delivers=False)
    moment = [time.time()]
    world = running.world
    monkeypatch.setattr(world, "real", lambda: moment[0])
    with world.transaction():
        made = world.add("customer", "cus", {"name": "Acme"}, "customer.created")
    receiver.statuses += [500, 500, 302]
    tried = []
    for _ in range(40):
        if delivery.deliver(world):
            tried.append(moment[0])
        moment[0] += 0.5
    assert [round(at - tried[0]) for at in tried] == [0, 1, 3, 7], "1, 2 and 4 seconds later"
    assert len({body for body, _ in receiver.got}) == 1
    body, headers = receiver.got[-1]
    assert headers["Host"] == "app.smoall.localhost"
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET, tolerance=30)
    assert event.data.object["id"] == made["id"]
    with world.transaction():
        assert world.find("event")[0]["pending_webhooks"] == 0
        world.add("customer", "cus", {"name": "Zenith"}, "customer.created")
    receiver.statuses += [500] * 2000
    while delivery.next_waiting(world) or moment[0] < time.time() + 4 * DAY:
        delivery.deliver(world)
        moment[0] += 600
    with world.transaction():
        assert world.sql("SELECT state FROM delivery ORDER BY rowid")[-1] == ("given up",), "after three days"
    for server in running.servers:
        server.server_close()
    world.close()


# --- a process of its own -----------------------------------------------------------------------------------------


def start(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SMOALL_", "DATABASE"))
    }
    environment |= {
        "SMOALL_DATA": str(folder),
        "SMOALL_STRIPE_API": f"http://127.0.0.1:{port}",
        "SMOALL_PROCESS": "payments",
    }
    process = subprocess.Popen([sys.executable, "-m", "config.payments"], cwd=ROOT, env=environment)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process
    raise AssertionError("it did not begin to answer")


def test_who_has_nothing_to_deliver_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    def look(world: Any) -> None:
        looked.append(time.monotonic())
        with world.transaction():
            return None

    monkeypatch.setattr(delivery, "next_waiting", look)
    running = Running(
        Place(tmp_path / "payments", KEY, SECRET, 0, "http://127.0.0.1:9/", "app.smoall.localhost")
    )
    running.start()
    time.sleep(2)
    running.end()
    assert 2 <= len(looked) <= 8, "about twice a second"


def test_a_kill_in_the_middle_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    from config.env import Env
    from config.payments import processor as keys

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(tmp_path, port)
    from config.secrets import secret_key

    env = Env.read()
    key = keys(env, secret_key(tmp_path))[0]
    api = f"http://127.0.0.1:{port}"
    client = stripe.StripeClient(
        key,
        base_addresses={"api": api, "connect": api, "files": api, "meter_events": api},
        max_network_retries=0,
    )
    answered, ended = [], threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            try:
                answered.append(client.v1.customers.create(params={"name": str(number)}).id)
            except stripe.APIConnectionError:
                return
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ended.set()
    writer.join()
    process = start(tmp_path, port)
    try:
        kept = {one.id for one in client.v1.customers.list(params={"limit": 100}).auto_paging_iter()}
        events = client.v1.events.list(params={"limit": 100, "type": "customer.created"}).auto_paging_iter()
        told = {event.data.object["id"] for event in events}
        assert answered and set(answered) <= kept and len(kept) <= len(answered) + 1
        assert told == kept, "an object and its event are written together"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_only_its_own_host_is_answered(processor: Processor) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", processor.world.place.port)
    connection.request("GET", "/", headers={"Host": "rebound.example"})
    assert connection.getresponse().status == 421
    connection.close()
