"""Visitors who send too much, or without end, take neither the disk nor a thread from others."""

import socket
import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

import pytest

from config import bodies
from config.bodies import MOST, limited

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterable[Pair]:
    server, visitor = socket.socketpair()
    yield server, visitor
    server.close()
    visitor.close()


def test_a_body_beyond_the_most_is_refused_before_anybody_reads_it() -> None:
    started: list[str] = []
    application = limited(lambda _environ, _start: pytest.fail("it was asked"))
    said = application({"CONTENT_LENGTH": str(MOST + 1)}, lambda status, _headers: started.append(status))
    assert started == ["413 Content Too Large"]
    assert b"64 MB" in b"".join(said)


def test_a_trickle_ends_after_its_time_and_the_visitor_still_gets_an_answer(pair: Pair) -> None:
    server, visitor = pair

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        got = read_all(environ, start)
        server.sendall(b"answer")
        return got

    visitor.sendall(b"a")
    began = time.monotonic()
    environ = {"CONTENT_LENGTH": "10000", "gunicorn.socket": server, "wsgi.input": Arriving(server)}
    assert limited(application, patience=0.1)(environ, lambda *_: None) == [b"a"]
    assert time.monotonic() - began < 5
    assert visitor.recv(100) == b"answer"


def test_a_body_that_came_in_time_leaves_the_connection_open(pair: Pair) -> None:
    server, visitor = pair
    visitor.sendall(b"a")
    environ = {"CONTENT_LENGTH": "1", "gunicorn.socket": server, "wsgi.input": Arriving(server)}
    limited(read_one, patience=0.1)(environ, lambda *_: None)
    time.sleep(0.3)
    visitor.sendall(b"next request")
    assert server.recv(100) == b"next request"


class Arriving:
    """What gunicorn gives an application: reads what has come."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server

    def read(self, size: int) -> bytes:
        return self.server.recv(size)


def read_one(environ: dict[str, Any], _start: Callable[..., Any]) -> list[bytes]:
    return [environ["wsgi.input"].read(1)]


def read_all(environ: dict[str, Any], _start: Callable[..., Any]) -> list[bytes]:
    got = b""
    while more := environ["wsgi.input"].read(50_000):
        got += more
    return [got]


def test_announcing_much_earns_no_time(pair: Pair) -> None:
    """Eight such connections, with a visitor's cookie and a multipart form, closed every page for twenty minutes."""
    server, visitor = pair
    visitor.sendall(b"a")
    began = time.monotonic()
    environ = {"CONTENT_LENGTH": str(MOST), "gunicorn.socket": server, "wsgi.input": Arriving(server)}
    assert limited(read_all, patience=0.1)(environ, lambda *_: None) == [b"a"]
    assert time.monotonic() - began < 5


def test_a_body_that_nobody_reads_holds_no_thread(pair: Pair) -> None:
    server, visitor = pair
    for length in (1_000, 1_000_000):
        began = time.monotonic()
        environ = {"CONTENT_LENGTH": str(length), "gunicorn.socket": server, "wsgi.input": Arriving(server)}
        assert limited(lambda *_: [b"answer"])(environ, lambda *_: None) == [b"answer"]
        assert server.recv(100) == b"", "it has ended: whoever reads on waits for nothing"
        assert time.monotonic() - began < 3
        server.sendall(b"answer")
        assert visitor.recv(100) == b"answer"


def test_a_body_that_nobody_read_is_not_taken_for_the_next_request(pair: Pair) -> None:
    server, visitor = pair
    visitor.sendall(b"a" * 100)
    environ = {"CONTENT_LENGTH": "100", "gunicorn.socket": server, "wsgi.input": Arriving(server)}
    limited(lambda *_: [b""])(environ, lambda *_: None)
    visitor.sendall(b"next request")
    assert server.recv(100) == b"next request"


def test_a_body_that_keeps_coming_has_the_time_that_it_needs(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SLOWEST", 1_000)
    server, visitor = pair
    pieces, size = 8, 200

    def send() -> None:
        for _ in range(pieces):
            visitor.sendall(b"a" * size)
            time.sleep(0.1)
        visitor.shutdown(socket.SHUT_WR)

    sender = Thread(target=send)
    sender.start()
    environ = {
        "CONTENT_LENGTH": str(pieces * size), "gunicorn.socket": server, "wsgi.input": Arriving(server),
    }  # fmt: skip
    answer = limited(read_all, patience=0.3)(environ, lambda *_: None)
    sender.join()
    assert b"".join(answer) == b"a" * pieces * size
