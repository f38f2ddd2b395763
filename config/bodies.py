"""What visitors send: not too much, and not for ever. Each request holds a thread, and a workspace's a transaction.

Without this, eight connections that send a byte now and then would close Smoall to everybody, and one could fill the disk
before anything asks who sends.
"""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Timer
from time import monotonic
from typing import Any

MOST = 64 * 1024 * 1024  # bytes: several files of the biggest size that is kept, in one form
PATIENCE, SLOWEST = 10.0, 50_000  # seconds for any body, and one more for each so many bytes that have come

SMALL, SOON = (
    64 * 1024,
    1.0,
)  # bytes that nobody read are waited for, this long; more of them end the connection

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def limited(application: Application, *, most: int = MOST, patience: float = PATIENCE) -> Application:
    """The application, told that the body has ended when it takes too long, and not asked when it is too big (413)."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = _length(environ)
        if length > most:
            start_response(
                "413 Content Too Large",
                [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")],
            )
            return [b"This is too big: 64 MB are the most that one form may send.\n"]
        connection = environ.get("gunicorn.socket")
        if not length or connection is None:
            return application(environ, start_response)
        environ["wsgi.input"] = body = Paced(environ.get("wsgi.input"), length, connection, patience)
        body.watch()
        try:
            return application(environ, start_response)
        finally:
            body.unwatch()
            body.get_rid()

    return answer


class Paced:
    """A body that must keep coming: what has come so far earns the time for the rest, what was announced earns none.

    Else whoever announces 64 MB and sends a byte now and then would hold a thread for twenty minutes.
    """

    def __init__(self, body: Any, length: int, connection: socket.socket, patience: float) -> None:
        self._body, self._connection, self._patience = body, connection, patience
        self._left, self._come, self._began = length, 0, monotonic()
        self._clock: Timer | None = None
        self._is_over = False

    def read(self, size: int | None = None) -> bytes:
        return self._count(self._body.read() if size is None else self._body.read(size))

    def readline(self, size: int | None = None) -> bytes:
        return self._count(self._body.readline() if size is None else self._body.readline(size))

    def _count(self, got: bytes) -> bytes:
        self._come += len(got)
        self._left -= len(got)
        return got

    def watch(self) -> None:
        """Look again when the time is up that the body has by now; end it when it is up already."""
        due = self._began + self._patience + self._come / SLOWEST - monotonic()
        if self._is_over or self._left <= 0:
            return
        if due <= 0:
            _end(self._connection)
            return
        self._clock = Timer(due, self.watch)
        self._clock.daemon = True
        self._clock.start()

    def unwatch(self) -> None:
        self._is_over = True
        if self._clock is not None:
            self._clock.cancel()

    def get_rid(self) -> None:
        """What nobody read: gunicorn would wait five seconds for it, with the thread, before it took another request."""
        if self._left > SMALL:
            _end(self._connection)
        elif self._left > 0:
            clock = Timer(SOON, _end, [self._connection])
            clock.daemon = True
            clock.start()
            with suppress(OSError):
                self._body.read(self._left)
            clock.cancel()


def _length(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdigit() else 0


def _end(connection: socket.socket) -> None:
    """Nothing more is read; an answer can still be sent."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
