"""P12, P40: what a database or Python quotes of a row in an error reaches no log."""

import io
import logging

import pytest
from django.db import IntegrityError
from gunicorn.config import Config

from config import web
from shared_apps.accounts.models import User
from shared_apps.kit.logs import WithoutAddress, WithoutValues
from tests.conftest import Cast

NAME = "Zephyrine Quignon"


def logged(error: BaseException) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(next(kept.formatter for kept in logging.getLogger().handlers if _is_ours(kept)))
    record = logging.LogRecord(
        "x", logging.ERROR, "", 0, "failed", (), (type(error), error, error.__traceback__)
    )
    handler.handle(record)
    return out.getvalue()


def _is_ours(handler: logging.Handler) -> bool:
    return any(isinstance(kept, WithoutAddress) for kept in handler.filters)


def _quote(address: str) -> None:
    """Two errors that quote a row: PostgreSQL's, and one of ours."""
    User.objects.create_user(email=address, name=NAME)
    try:
        User.objects.bulk_create([User(email_folded=address, name=NAME, email=address)])
    except IntegrityError as error:
        raise ValueError(NAME) from error


def test_a_traceback_tells_classes_and_places_but_no_value(acme: Cast) -> None:
    address = f"z{1}@acme.test"  # not as it stands in this source, whose lines a traceback shows
    with acme.inside(), pytest.raises(ValueError, match=NAME) as raised:
        _quote(address)
    told = logged(raised.value)
    assert address in str(raised.value.__cause__), "or this test proves nothing"
    assert "IntegrityError" in told
    assert "ValueError" in told
    assert "test_logs.py" in told
    assert NAME not in told
    assert address not in told


def test_the_web_servers_own_log_is_written_the_same_way() -> None:
    logger = web.QuietLogger(Config())
    assert all(isinstance(handler.formatter, WithoutValues) for handler in logger.error_log.handlers)
    assert logger.error_log.handlers
