"""Links, partners, orders of courts, and where processes connect to."""

from datetime import timedelta

from shared_apps.integrators.models import Look
from shared_apps.kit import outgoing, scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.outgoing import Destination
from shared_apps.sharing.models import Disclosure, Order
from tests.conftest import TESTER
from tests.integrators.conftest import link, make_partner
from tests.promises.faults.stage import NOW, Stage, fault, shared_ddl, without
from tests.sharing.conftest import make_shared_with


@fault("looks-have-a-link")
def a_look_after_the_link_ended(on: Stage) -> None:
    partner = make_partner("Links & Co", "links.test")
    link(on.acme, partner)
    with scope.shared(actor=TESTER):
        found = partner.organisation.links.get()
        Look.note([found], by=partner.ines, now=NOW() + timedelta(seconds=5))
        found.end(by="client", now=NOW())


@fault("partners-are-verified")
def a_wall_that_is_off(on: Stage) -> None:
    shared_ddl("ALTER TABLE sharing_disclosure DISABLE TRIGGER check_disclosure")


@fault("partners-are-verified")
def something_given_after_the_reading_expired(on: Stage) -> None:
    partner = make_shared_with()
    with without("check_disclosure", "sharing_disclosure"), scope.shared(actor=TESTER):
        Disclosure.objects.create(
            verification=partner.policy, client_uuid=on.client, categories=["contact"], why="x",
            at=NOW() + timedelta(days=400),
        )  # fmt: skip


@fault("orders-have-two-operators")
def an_order_that_can_be_rewritten(on: Stage) -> None:
    shared_ddl("DROP TRIGGER check_order ON sharing_order")


@fault("orders-have-two-operators")
def an_order_confirmed_by_an_account_made_for_it(on: Stage) -> None:
    from tests.operators.conftest import make_operator

    first, then = make_operator("Orla"), NOW() - timedelta(hours=2)
    with without("check_order", "sharing_order"), scope.shared(actor=TESTER):
        Order.objects.create(
            client_uuid=on.client, authority="T", reference="1", extent="contact", received_on=day_of(then),
            document="orders/x", document_type="text/plain", document_sha256="0" * 64, registered_by=first,
            registered_at=then, confirmed_by=make_operator("Orla Two"), confirmed_at=NOW(), recipient="age1",
            made_at=NOW(), record="{}", told_at=NOW(),
        )  # fmt: skip


@fault("destinations-are-known")
def a_place_that_no_partner_names(on: Stage) -> None:
    on.patch.setattr(outgoing, "sources", [*outgoing.sources, lambda: [Destination("tracker.test")]])


@fault("destinations-are-known")
def a_process_without_a_guard(on: Stage) -> None:
    on.patch.setattr(outgoing, "_is_installed", False)
