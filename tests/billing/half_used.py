"""A client whose year is paid and half over, and what the processor gave back of it."""

import pytest

from billing import gateway
from tests.billing.conftest import Processor
from tests.billing.issued import client_of
from tests.billing.life import Life
from tests.conftest import Cast

YEAR = 3 * 12000 * 121 // 100  # three people, with VAT


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    """A year is paid, and half of it is over."""
    client_of(acme, vat_number="BE0403170701")
    made = Life(acme, processor)
    made.begin(days=0)
    made.order(plan="small", pace="year")
    made.processor.pass_time(days=182.5)
    made.tell()
    return made


def refunds(life: Life) -> list[int]:
    return [one.amount for one in gateway.client().v1.refunds.list(params={"limit": 100}).data]
