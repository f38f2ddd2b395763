"""The demo's orders are made once, however often the demo is started on the same data."""

from billing.models import Subscription
from config.demo import paying
from shared_apps.kit import scope
from tests.billing.conftest import Processor
from tests.billing.issued import client_of
from tests.billing.life import Life
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator


def test_a_demo_that_is_started_again_orders_nothing_twice(acme: Cast, processor: Processor) -> None:
    client_of(acme, vat_number="BE0403170701")
    life, client = Life(acme, processor), acme.tenant.client_id
    life.begin(days=-1)
    operator = make_operator("Opal")
    for _start in range(2):
        assert paying.make({"acme": ("small", "year", 0)}, operator.email, now=life.now)
        with scope.shared(actor=TESTER):
            ordered = Subscription.objects.exclude(processor_id=None).filter(client_uuid=client)
            trial = Subscription.trial_of(client)
            assert trial and trial.trial_end and trial.trial_end < life.now
            assert ordered.count() == 1
