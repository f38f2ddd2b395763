"""What visitors send: not too much, and not for ever. Each request holds a thread, and a workspace's a transaction.

Without this, eight connections that send a byte now and then would close Smoall to everybody, and one could fill the disk
before anything asks who sends.
"""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Timer
from typing import Any

MOST = 64 * 1024 * 1024  # bytes: several files of the biggest size that is kept, in one form
PATIENCE, SLOWEST = 10.0, 50_000  # seconds for any body, and one more for each so many bytes

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
        clock = Timer(patience + length / SLOWEST, _end, [connection])
        clock.daemon = True
        clock.start()
        try:
            return application(environ, start_response)
        finally:
            clock.cancel()

    return answer


def _length(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdigit() else 0


def _end(connection: socket.socket) -> None:
    """Nothing more is read; an answer can still be sent."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
