"""Visitors who send too much, or without end, take neither the disk nor a thread from others."""

import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

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

    def application(environ: dict[str, Any], _start: Callable[..., Any]) -> list[bytes]:
        got = b""
        while len(got) < 10_000 and (more := server.recv(100)):
            got += more
        server.sendall(b"answer")
        return [got]

    visitor.sendall(b"a")
    began = time.monotonic()
    environ = {"CONTENT_LENGTH": "10000", "gunicorn.socket": server}
    assert limited(application, patience=0.1)(environ, lambda *_: None) == [b"a"]
    assert time.monotonic() - began < 5
    assert visitor.recv(100) == b"answer"


def test_a_body_that_came_in_time_leaves_the_connection_open(pair: Pair) -> None:
    server, visitor = pair
    environ = {"CONTENT_LENGTH": "1", "gunicorn.socket": server}
    limited(lambda *_: [b""], patience=0.1)(environ, lambda *_: None)
    time.sleep(0.3)
    visitor.sendall(b"next request")
    assert server.recv(100) == b"next request"
