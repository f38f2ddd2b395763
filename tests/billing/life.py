"""A client that pays: the stand-in's clock and ours go together, and its messages arrive."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing import customers, events, ordering, reconcile, seats, standing, subscriptions
from billing.models import Account, Subscription
from billing.standing import Standing
from shared_apps.accounts.models import User
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.module import MEMBER
from tenants.models import Tenant
from tests.billing.conftest import GOOD, Processor
from tests.billing.till import Till
from tests.conftest import PASSWORD, TESTER, Cast


@dataclass
class Life:
    """Of one workspace. `tell` delivers what the processor has to say, each message once."""

    cast: Cast
    processor: Processor
    told: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.processor.now, UTC)

    @property
    def client(self) -> Any:
        return self.cast.tenant.client_id

    def begin(self, days: int = 30) -> None:
        """The trial began by the processor's clock."""
        with scope.shared(actor=TESTER):
            Subscription.objects.filter(client_uuid=self.client).update(
                trial_end=self.now + timedelta(days=days), created_at=self.now
            )
        with self.cast.inside():
            seats.count()
        drain()

    def order(
        self, plan: str = "small", pace: str = "month", coupon: str = "", number: str = GOOD, **form: str
    ) -> str:
        """Ordered and paid on the processor's page; the address that this led to."""
        with scope.shared(actor=TESTER):
            client = self.cast.tenant.client
            url = ordering.order(
                client, plan=plan, pace=pace, coupon=coupon, now=self.now,
                success_url="http://acme.smoall.localhost/workspace/billing/done/?session={CHECKOUT_SESSION_ID}",
                cancel_url="http://acme.smoall.localhost/workspace/billing/",
            )  # fmt: skip
        filled = {"method": "card", "number": number} | form
        led = Till(self.processor).pay(url, **filled)
        self.tell()
        return led

    def tell(self) -> int:
        """Deliver every message that was not delivered yet."""
        fresh = [one for one in self.processor.events() if one["id"] not in self.told]
        for one in fresh:
            self.told.add(one["id"])
            body, header = self.processor.signed(one)
            with scope.shared(), transaction.atomic():
                events.receive(events.verified(body, header), now=self.now)
        return len(fresh)

    def pass_time(self, *, days: float = 0) -> None:
        """Day by day, as the schedule looks."""
        while days > 0:
            step = min(days, 1)
            self.processor.pass_time(days=step)
            self.tell()
            standing.look_at(self.client, now=self.now)
            days -= step

    def hire(self, name: str) -> None:
        with self.cast.inside():
            User.objects.create_user(
                name=name, email=f"{name.lower()}@acme.test", role=MEMBER, password=PASSWORD
            )
        self.work()

    def work(self) -> None:
        """What workers do, then what the processor says of it."""
        drain()
        self.tell()

    def align(self) -> None:
        with scope.shared(actor=TESTER):
            subscriptions.bring_in_line(self.client, now=self.now)
        self.tell()

    @property
    def own(self) -> Subscription:
        with scope.shared():
            found = Subscription.of(self.client)
        assert found
        return found

    @property
    def account(self) -> Account:
        with scope.shared():
            found = Account.of(self.client)
        assert found
        return found

    @property
    def standing(self) -> Standing:
        with scope.shared():
            return standing.of(self.client, now=self.now)

    @property
    def is_read_only(self) -> bool:
        with scope.shared():
            return Tenant.objects.get(pk=self.cast.id).unpaid_since is not None

    def new_card(self, number: str) -> None:
        """As typed on the processor's portal."""
        account = self.account
        assert account.customer_id
        self.processor.attached(account.customer_id, number)
        self.tell()

    def reconcile(self) -> Any:
        return reconcile.run(now=self.now)

    def push(self) -> None:
        """Today by our clock: a reading of the operator's policy counts from the day on which it was really read."""
        with scope.shared(actor=TESTER):
            account = Account.locked(self.client, now=self.now)
            customers.push(account, self.cast.tenant.client, now=timezone.now())
