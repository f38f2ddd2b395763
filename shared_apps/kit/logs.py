"""What a log may say of a request: which page, never its address with what stands in it, nor who asked (P12).

And of an error: its class and places, never its words, since PostgreSQL and Python quote the value that they refuse.
"""

import logging
import traceback
from types import TracebackType
from typing import Any


class WithoutAddress(logging.Filter):
    """Django logs the path of a failed request, and a path may hold a single-use link: its URL name stands instead."""

    def filter(self, record: logging.LogRecord) -> bool:
        request: Any = getattr(record, "request", None)
        if request is not None:
            match = getattr(request, "resolver_match", None)
            name = match.view_name if match else "no page"
            record.msg = f"{getattr(request, 'method', '?')} {name}: {getattr(record, 'status_code', '')}"
            record.args = ()
            record.request = None
        return True


class WithoutValues(logging.Formatter):
    """Tracebacks with the class in place of the message: a log outlives the client whose name it would hold."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return "".join(_told(ei[1], set())).rstrip() if ei[1] is not None else ""


def _told(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = _told(before, seen) if before is not None and id(before) not in seen else []
    name = f"{type(error).__module__}.{type(error).__qualname__}\n"
    return [*lines, "Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__), name]
