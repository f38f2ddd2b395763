"""P35, P36: what people *do* on the way out leaves nothing either: grants, links, refusals, a corrected address.

tests/leaving/test_canary.py plants rows; here the verbs are used, so that whatever they write beside their rows, in
histories, jobs and mails, is searched too.
"""

import io
from datetime import timedelta

import pytest
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.integrators.models import Link, Organisation
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.operators.jobs import tell_of_grant
from shared_apps.operators.models import ConsentRule, Grant
from tenants import correction, departure
from tenants.models import Category, Tenant
from tenants.views.contact import _person
from tests.conftest import TESTER
from tests.isolation import catalog, stage
from tests.leaving.stage import quiet
from tests.leaving.test_canary import WORD, bytes_in_all_files, in_files, in_queue, its_day_comes, logged
from tests.operators.conftest import make_operator

__all__ = ["logged", "quiet"]
NAME = f"{WORD}-acts"
ADDRESS = f"{NAME}@c.test"
pytestmark = pytest.mark.usefixtures("quiet")


def visited(tenant: Tenant, owner: User) -> None:
    """The owner wants to be asked; an operator asks twice, is let in once and refused once, comes in, and is sent away."""
    opal, now = make_operator("Opal"), timezone.now()
    with scope.shared(), scope.acting(owner.as_actor()):
        ConsentRule.objects.create(client=tenant.client, needs_consent=True)
    with scope.shared(), scope.acting(opal.as_actor()):
        sign_in = SignIn.objects.create(user=opal, session_hash="x" * 64, device="x", signed_in_at=now)
        granted, refused = (
            Grant.ask(tenant, by=opal, reason=f"{WORD} {number}", scope="write", hours=1, now=now)
            for number in range(2)
        )
        with scope.tenant(tenant.id):
            tell_of_grant.later(str(granted.pk), key=f"grant:{granted.pk}")
    with scope.shared(), scope.acting(owner.as_actor()):
        granted.approve(by=owner.name, now=now)
        refused.refuse(by=owner.name, now=now)
    with scope.shared(), scope.acting(opal.as_actor()):
        ticket = granted.ticket_link(by=opal, now=now, sign_in=sign_in)
    with scope.tenant(tenant.id):
        assert Grant.of_ticket(ticket, tenant=tenant.id, now=now, use=True)
    with scope.shared(), scope.acting(owner.as_actor()):
        granted.end(by=owner.name, now=now)


def test_what_was_done_on_the_way_out_leaves_with_the_contact_details(
    quiet: None, logged: io.StringIO
) -> None:
    tenant, now = stage.workspace(NAME, people=True), timezone.now()
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=tenant.client_id).update(contact_name=f"{WORD} Contact")
        organisation = Organisation.objects.create(name="Integrator", email="i@integrator.test")
    with scope.tenant(tenant.id, actor=TESTER):
        owner = User.objects.get(email_folded=f"owner@{NAME}.test")
    assert WORD in owner.name
    visited(tenant, owner)
    with scope.shared(), scope.acting(owner.as_actor()):
        Link.propose(client_id=tenant.client_id, code=organisation.code, now=now)
        mail.refuse("information", to=ADDRESS, about=tenant.client_id, now=now)
        mail.suppress(ADDRESS, reason="bounced", now=now)
    with scope.acting(owner.as_actor()):
        given = departure.give_notice(tenant.id, now=now - timedelta(days=100))
    drain()

    its_day_comes(given, Category.DATA)
    with scope.shared():
        by_people = LogEntry.objects.filter(actor_name__contains=WORD)
        assert not by_people.exists(), "who worked in the workspace goes with it, as an author too"
        held = Client.objects.get(pk=tenant.client_id)
        with scope.acting(_person(held)):
            answers = {"contact_email": f"{WORD}.moved@c.test"}
            assert correction.correct_after(given.pk, answers, now=now)
    drain()

    its_day_comes(given, Category.CONTACTS)
    assert catalog.holding(WORD) == []
    assert in_files() == [] and in_queue() == []
    assert WORD not in logged.getvalue().lower()
    assert bytes_in_all_files() == {}
