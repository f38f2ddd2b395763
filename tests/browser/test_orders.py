"""A court's order at an operator's desk: what is to be given is chosen, and the page says who may confirm it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor


def _fill(oscar: Visitor, **more: str) -> None:
    oscar.open("/sharing/orders/new/")
    oscar.fill(
        client="zinc",
        authority="Tribunal de Bruxelles",
        reference="2026/17",
        received_on=str(datetime.now(tz=UTC).date()),
        **more,
    )
    document: Any = {"name": "order.txt", "mimeType": "text/plain", "buffer": b"It is ordered."}
    oscar.page.locator("[name=document]").set_input_files(document)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_an_operator_registers_what_an_order_names_and_nothing_more(visitor: Visitors, phone: bool) -> None:
    oscar = visitor("en", phone=phone)
    oscar.sign_in("Oscar")
    _fill(oscar)
    oscar.look("register", dark=True)
    oscar.page.locator("[name=extent][value=modules]").check()
    oscar.press("Register the order")
    oscar.sees("Choose tables when tables are to be given, and only then.")
    oscar.look("refused")
    company = oscar.world.sign_in_of("Philippe")["url"].split("//")[1].split(".")[0]
    _fill(oscar)
    oscar.fill(client=company, person="Jeanne Dupont\njeanne@client.example")
    oscar.page.locator("[name=extent][value=person]").check()
    oscar.press("Register the order")
    oscar.page.wait_for_url(lambda found: "/new/" not in found)
    oscar.sees("You have registered this order: another operator has to confirm it.")
    oscar.reads("jeanne@client.example")
    oscar.look("order", dark=not phone)
