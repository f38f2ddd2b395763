"""What was written for a court and what was said of it; the files of orders go after each test."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from django.conf import settings
from django.core.files.storage import default_storage

from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.sharing import jobs as sharing_jobs
from shared_apps.sharing.models import Order
from tests.sharing.conftest import KEY

TOMORROW = timedelta(days=1)


@pytest.fixture(autouse=True)
def _files_go() -> Iterator[None]:
    yield
    for path in (Path(settings.MEDIA_ROOT) / "shared" / "orders").glob("*"):
        path.unlink()


def given(order: Order) -> bytes:
    """What was written for the court, opened with the second operator's key."""
    with scope.shared():
        return bytes(
            pyrage.decrypt(Path(default_storage.path(sharing_jobs.given_name(order))).read_bytes(), [KEY])
        )


def told(order: Order) -> int:
    with scope.shared():
        return Message.objects.filter(purpose="sharing.order", about=order.client_uuid).count()
