"""A workspace that leaves, its owner's browser, and its contact person with the mailed link."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone, translation

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import departure
from tenants.models import Departure, Instruction, State, Tenant
from tests.conftest import PASSWORD, TESTER, Cast
from tests.operators.conftest import OPS, here, opal, otto, page_of

__all__ = ["OPS", "here", "opal", "otto", "page_of"]
APP = "app.smoall.localhost"
LEAVE = "/workspace/leave/"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def olga(acme: Cast, browser: Callable[..., Browser]) -> Browser:
    """The owner's browser, signed in."""
    return browser(acme, acme.owner)


def notice(cast: Cast, now: datetime | None = None, **days: Any) -> Departure:
    with scope.acting(TESTER):
        return departure.give_notice(cast.id, now=now or timezone.now(), **days)


def standing(cast: Cast) -> Departure | None:
    with scope.shared():
        return Departure.objects.standing().filter(tenant_uuid=cast.id).first()


def fresh(leaving: Departure) -> Departure:
    """As it is stored by now."""
    with scope.shared():
        return Departure.objects.get(pk=leaving.pk)


def kinds() -> list[str]:
    """What was said so far, the oldest first."""
    with scope.shared():
        return list(Instruction.objects.order_by("given_at", "id").values_list("kind", flat=True))


def state_of(cast: Cast) -> str:
    with scope.shared():
        return Tenant.objects.get(pk=cast.id).state


def suspend(cast: Cast) -> None:
    with scope.shared(actor=TESTER):
        Tenant.locked(cast.id).suspend(reason="unpaid", now=timezone.now())
    assert state_of(cast) == State.SUSPENDED


def mails(template_word: str = "") -> list[Message]:
    """About leaving, in the shared outbox, the oldest first."""
    with scope.shared():
        found = Message.objects.filter(purpose__in=(departure.PURPOSE, "tenants.contact")).order_by(
            "created_at", "id"
        )
        return [one for one in found if template_word in one.subject]


# --- after the data is gone -------------------------------------------------------------------------------


@pytest.fixture
def departed(acme: Cast) -> Departure:
    """acme's notice of some months ago; its data is marked as erased, its contact details are kept."""
    given = notice(acme, now=timezone.now() - timedelta(days=120))
    with scope.shared(actor=TESTER):
        Departure.objects.filter(pk=given.pk).update(data_erased_at=timezone.now() - timedelta(days=20))
        Tenant.objects.filter(pk=acme.id).update(state=State.ERASING)
        given.refresh_from_db()
    return given


def client_of(leaving: Departure) -> Client:
    with scope.shared():
        return Client.objects.get(pk=leaving.client_uuid)


def link(leaving: Departure) -> str:
    """The path of the link as it is mailed now."""
    with scope.shared():
        leaving = Departure.objects.get(
            pk=leaving.pk
        )  # each correction of the address begins another generation
        return path_in(departure.contact_link(leaving, Client.objects.get(pk=leaving.client_uuid)))


def path_in(text: str) -> str:
    found = re.search(r"http://app\.smoall\.localhost(/contact-details/\S+/)", text)
    assert found, text
    return found[1]


@pytest.fixture
def contact(browser: Callable[..., Browser]) -> Browser:
    """A browser on app. with no session."""
    return browser(APP)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def password() -> dict[str, str]:
    return {"current": PASSWORD}
