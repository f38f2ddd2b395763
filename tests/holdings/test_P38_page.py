"""P38: what Smoall holds about a client stands on one page. The register minus the page is nothing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client as Browser
from django.utils import timezone
from django.utils.text import slugify

from shared_apps.accounts import mine
from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.mail.models import Message
from tenants import holdings
from tenants.models import Saga, Tenant
from tests.conftest import TESTER, Cast
from tests.holdings.conftest import PAGE, text_of
from tests.integrators.conftest import link, make_partner
from tests.leaving.conftest import suspend

HOLDINGS = {one.what: one for one in all_holdings()}


def shown(page: str) -> set[str]:
    """The holdings whose row the page has."""
    ids = set(re.findall(r'id="([a-z0-9_-]+)"', page))
    return {what for what in HOLDINGS if slugify(what) in ids}


def tenant_of(cast: Cast) -> Tenant:
    with scope.shared():
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=cast.id)


def number(cast: Cast, what: str) -> int:
    tenant = tenant_of(cast)
    with cast.inside():
        return holdings.count(HOLDINGS[what], tenant, today=day_of(timezone.now()))


# --- complete ---------------------------------------------------------------------------------------------


def test_P38_the_register_minus_the_page_is_nothing(olga: Browser) -> None:
    page = text_of(olga.get(PAGE))
    assert set(HOLDINGS) - shown(page) == set()
    for one in all_holdings():
        assert str(one.why).replace("'", "&#x27;") in page.replace("&amp;", "&"), one.what


def test_P38_the_download_has_the_whole_register_too(olga: Browser, acme: Cast) -> None:
    answer = olga.get(f"{PAGE}holdings.json")
    said = json.loads(text_of(answer))
    assert {one["what"] for one in said["holdings"]} == set(HOLDINGS)
    assert said["contact_details"]["contact_email"] == tenant_of(acme).client.contact_email
    assert "attachment" in answer.headers["Content-Disposition"]
    assert all(one["why"] and one["kept"] and one["where"] and one["erased"] for one in said["holdings"])


def test_P38_planted_a_module_that_holds_one_thing_more_is_on_the_page_or_fails(
    olga: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is made from the register: a new holding enters by itself, and one that says not how it is counted fails."""
    more = Holding(
        "history.Event", whose="client", category="billing", why="To test the page", kept="A day",
        exported="rows", erased="schema", about="nobody",
    )  # fmt: skip
    monkeypatch.setattr(holdings, "all_holdings", lambda: (*all_holdings(), more))
    page = text_of(olga.get(PAGE))
    assert "To test the page" in page and ">Billing<" in page
    silent = replace(HOLDINGS["legal.Acceptance"], about="")
    monkeypatch.setattr(holdings, "all_holdings", lambda: (silent,))
    with pytest.raises(holdings.Uncountable, match=r"legal\.Acceptance"):
        olga.get(PAGE)


@pytest.mark.parametrize("holding", all_holdings(), ids=lambda holding: holding.what)
def test_P38_each_holding_says_how_rows_about_a_client_are_counted(acme: Cast, holding: Holding) -> None:
    """Those of clients and their people; what stands in a workspace's own schema alone is all its own."""
    tenant = tenant_of(acme)
    if holding.whose in ("client", "user"):
        with acme.inside():
            assert holdings.count(holding, tenant, today=day_of(timezone.now())) >= 0
    else:
        assert not holding.about
    assert holdings.called(holding) != holding.what, "give it a name for people (called=…)"


def test_P38_each_holding_of_a_person_says_how_theirs_are_found() -> None:
    assert [one.what for one in all_holdings() if one.whose == "user" and not one.person] == []


# --- the numbers ------------------------------------------------------------------------------------------


def test_P38_rows_of_the_workspace_are_counted_and_the_neighbours_are_not(acme: Cast, zenith: Cast) -> None:
    contacts = apps.get_model("contacts.Contact")
    before = number(acme, "contacts.Contact"), number(zenith, "contacts.Contact")
    with acme.inside():
        contacts.objects.create(kind="company", name="Bakery")
        default_storage.save("contacts/x/a.txt", ContentFile(b"x"))
    assert (number(acme, "contacts.Contact"), number(zenith, "contacts.Contact")) == (
        before[0] + 1,
        before[1],
    )
    assert (number(acme, "files:contacts"), number(zenith, "files:contacts")) == (1, 0)


def test_P38_shared_rows_are_counted_when_they_are_about_this_client(acme: Cast, zenith: Cast) -> None:
    what = ("integrators.Link", "tenants.Saga", "mail.Message", "history.LogEntry")
    before = {one: (number(acme, one), number(zenith, one)) for one in what}
    link(acme, make_partner("Links & Co", "links.test"))
    with scope.shared(actor=TESTER):
        Saga.objects.create(kind="export", subject=acme.id, key="k")
        for about in (acme.id, acme.tenant.client_id):
            Message.objects.create(
                purpose="accounts.reset", to_address="a@b.test", language="en", subject="x", key=f"{about}", about=about
            )  # fmt: skip
    after = {one: (number(acme, one), number(zenith, one)) for one in what}
    assert after["integrators.Link"][0] == before["integrators.Link"][0] + 1
    assert after["tenants.Saga"][0] == before["tenants.Saga"][0] + 1
    assert after["mail.Message"][0] >= before["mail.Message"][0] + 2
    assert {one: pair[1] for one, pair in after.items()} == {one: pair[1] for one, pair in before.items()}


def test_P38_the_shared_history_of_its_contact_details_is_counted(acme: Cast) -> None:
    before = number(acme, "history.LogEntry")
    with scope.shared(actor=TESTER):
        client = tenant_of(acme).client
        client.city = "Namur"
        client.save()
    assert number(acme, "history.LogEntry") == before + 1, "history rows must not be left out"


def test_P38_an_order_that_a_court_keeps_secret_is_not_counted(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from tests.operators.conftest import make_operator
    from tests.sharing.conftest import made

    otto, opal = make_operator("Otto"), make_operator("Opal")
    made(acme, otto, opal, gag_until=timezone.localdate() + timedelta(days=9))
    assert (number(acme, "sharing.Order"), number(acme, "files:orders")) == (0, 0)
    made(acme, otto, opal)
    assert (number(acme, "sharing.Order"), number(acme, "files:orders")) == (1, 1)


# --- who may ----------------------------------------------------------------------------------------------


def test_P38_owners_and_administrators_see_it_members_do_not(
    acme: Cast, ada: Browser, browser: Callable[..., Browser]
) -> None:
    assert ada.get(PAGE).status_code == 200
    assert browser(acme, acme.colleague).get(PAGE).status_code == 403


def test_P38_it_works_while_the_workspace_is_suspended(acme: Cast, browser: Callable[..., Browser]) -> None:
    suspend(acme)
    olga = browser(acme, acme.owner)
    assert olga.get(PAGE).status_code == 200 and olga.get(f"{PAGE}holdings.json").status_code == 200
    assert olga.get(f"{PAGE}contact-details/").status_code == 200
    assert olga.get("/me/holdings/").status_code == 200


def test_P38_its_cost_does_not_grow_with_what_is_held(
    olga: Browser, acme: Cast, statements: Callable[[], Any]
) -> None:
    def cost() -> int:
        with statements() as sent:
            text_of(olga.get(PAGE))
        return len(sent)

    few = cost()
    with acme.inside():
        for each in range(5):
            apps.get_model("contacts.Contact").objects.create(kind="company", name=f"Bakery {each}")
    assert cost() == few


# --- about me ---------------------------------------------------------------------------------------------


def test_P38_everybody_sees_what_is_held_about_them(acme: Cast, browser: Callable[..., Browser]) -> None:
    colin = browser(acme, acme.colleague)
    page = text_of(colin.get("/me/holdings/"))
    ids = set(re.findall(r'id="([a-z0-9_-]+)"', page))
    with acme.inside():
        here = [one for one in all_holdings() if one.person and mine._is_here(one)]
    assert here and {slugify(one.what) for one in here} <= ids
    for said in (acme.colleague.email, acme.colleague.name, "Firefox on Windows"):
        assert said in page
    assert "password" not in re.findall(r"md5\$\w+", page)


def test_P38_each_field_of_a_person_is_changed_somewhere_or_says_why_not(acme: Cast) -> None:
    with acme.inside():
        for field in mine.fields(acme.owner):
            assert bool(field.url_name) != bool(field.reason), field.name


def test_P38_the_numbers_are_the_persons_own(acme: Cast) -> None:
    with acme.inside(acme.colleague):
        before = {one.holding.what: one.rows for one in mine.everything(acme.colleague)}
        apps.get_model("contacts.Contact").objects.create(kind="company", name="Bakery")
        Message.objects.create(
            purpose="accounts.reset", to_address=acme.colleague.email.upper(), language="en", subject="x", key="k"
        )  # fmt: skip
        after = {one.holding.what: one.rows for one in mine.everything(acme.colleague)}
        owners = {one.holding.what: one.rows for one in mine.everything(acme.owner)}
    assert after["history.LogEntry"] == (before["history.LogEntry"] or 0) + 1
    assert after["mail.Message"] == (before["mail.Message"] or 0) + 1
    assert owners["mail.Message"] == 0 and after["accounts.User"] == 1
    assert after["accounts.Throttle"] is None


def test_P38_a_persons_download_has_their_sign_ins_and_mails(acme: Cast, olga: Browser) -> None:
    said = json.loads(text_of(olga.get("/me/holdings/holdings.json")))
    assert said["me"]["email"] == acme.owner.email and said["sign_ins"][0]["device"] == "Firefox on Windows"
    assert "md5" not in json.dumps(said)


def test_P38_operators_see_what_is_held_about_them(db: None, browser: Callable[..., Browser]) -> None:
    from tests.operators.conftest import OPS, make_operator

    opal = make_operator("Opal")
    assert opal.email in text_of(browser(OPS, opal).get("/me/holdings/"))


def test_P02_every_table_about_clients_or_people_is_found_by_a_declared_field() -> None:
    """`about` and `person` name fields that are there: a renamed column fails here, not on the page."""
    for one in all_holdings():
        if ":" in one.what:
            continue
        model: Any = apps.get_model(one.what)
        for said, special in ((one.about, holdings.NOBODY), (one.person, mine.UNKNOWN)):
            field = said.rpartition(":")[2]
            if field and field not in (special, "pk"):
                assert model._meta.get_field(field.split("__")[0]), one.what
        if one.identifies:
            assert set(one.identifies) <= set(one.personal) and callable(model.forget)
            assert stands_in(model, tenant=True)
    assert User and LogEntry
