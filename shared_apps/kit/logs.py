"""What a log may say of a request: which page, never its address with what stands in it, nor who asked (P12)."""

import logging
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
