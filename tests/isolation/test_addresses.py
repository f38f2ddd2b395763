"""Every address × everybody × another's objects: refused, silent, and nothing changed (I3, I6).

The addresses come from the URL resolver: a new one is tried by itself. What it lets in is compared with addresses.txt,
so that a changed right is seen in review.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenants import erasure, stores
from tests.billing.issued import issued
from tests.conftest import PASSWORD, TESTER, Cast
from tests.isolation import canaries, catalog, stage
from tests.isolation.addresses import URLCONFS, Address, Objects, addresses
from tests.isolation.canaries import Planted
from tests.isolation.conftest import APP, OPS

LIST = Path(__file__).with_name("addresses.txt")
REWRITE = "SMOALL_WRITE_ADDRESSES"
COOKIE = "__Host-session"
DATA, SHARED, COMPANY = "qzxdata", "qzxshared", "qzxcompany"
WORD = re.compile(f"(?:{DATA}|{SHARED}|{COMPANY})[0-9]*".encode())
METHODS = ("get", "htmx", "head", "put", "delete", "post", "pointed")
SHORTER = (
    "get",
    "post",
    "pointed",
)  # for those who are nobody on a host, after one nobody has tried everything
REFUSALS = {302, 403, 404, 405, 410, 423}
VISITED_BY_STRANGERS = {
    "accounts_session",
    "accounts_throttle",
}  # rows that any visitor of a sign-in page leaves
FIELD = re.compile(r"""<(?:input|select|textarea|button)\b[^>]*?\bname="([^"]+)\"""")


@dataclass
class Visitor:
    """Somebody with the cookie of where they signed in. `rights` are None for whoever is nobody on this host."""

    who: str
    cookie: str
    user: User | None = None
    is_known: bool = False  # may see zenith's contact details here

    def on(self, host: str) -> Browser:
        browser = Browser(HTTP_HOST=host, headers={"user-agent": "Mozilla/5.0 Firefox/140.0"})
        if self.cookie:
            browser.cookies[COOKIE] = self.cookie
        return browser


@dataclass
class Stage:
    """zenith, with a word of its own in every text; acme's people and the others, signed in where they belong."""

    acme: Cast
    zenith: Cast
    planted: Planted
    objects: Objects
    strange: Objects  # for zenith's own host: the links are acme's
    visitors: dict[str, Visitor]
    baselines: dict[tuple[bool, bool], dict[str, str]] = field(default_factory=dict)

    def baseline(self, *, knows: bool, at_zenith: bool) -> dict[str, str]:
        """What every visit begins from, since each is undone."""
        if (knows, at_zenith) not in self.baselines:
            self.baselines[knows, at_zenith] = state_of(self, knows=knows, at_zenith=at_zenith)
        return self.baselines[knows, at_zenith]


def signed_in(who: str, host: str, user: User) -> Visitor:
    browser = Visitor(who, "").on(host)
    assert browser.post("/sign-in/", {"email": user.email, "password": PASSWORD}).status_code == 302, who
    return Visitor(who, browser.cookies[COOKIE].value, user)


@pytest.fixture
def played(acme: Cast, zenith: Cast, linked: User, unlinked: User, operator: User) -> Iterator[Stage]:
    visitors = {
        "anonymous": Visitor("anonymous", ""),
        "member": signed_in("member", acme.host, acme.colleague),
        "administrator": signed_in("administrator", acme.host, acme.admin),
        "owner": signed_in("owner", acme.host, acme.owner),
        "linked": signed_in("linked", APP, linked),
        "unlinked": signed_in("unlinked", APP, unlinked),
        "operator": signed_in("operator", OPS, operator),
    }
    planted, shared = Planted(DATA), Planted(SHARED)
    canaries.plant_workspace(zenith.tenant, planted)
    canaries.plant_shared(zenith.tenant, shared)
    planted.places |= shared.places
    planted.rows |= {label: rows for label, rows in shared.rows.items() if label not in planted.rows}
    with scope.shared(actor=TESTER):
        client = zenith.tenant.client
        client.company = f"{COMPANY} SRL"
        client.save()
        planted.rows["billing.Invoice"] = [issued(client)]
    objects = Objects(zenith, planted, links_of=zenith, linked=linked)
    strange = Objects(zenith, planted, links_of=acme, linked=linked)
    yield Stage(acme, zenith, planted, objects, strange, visitors)
    for cast in (acme, zenith):  # rows are undone by the transaction, files are not
        for kind in stores.FOLDERS:
            shutil.rmtree(stores.folder(kind, cast.id), ignore_errors=True)


# --- what each address declares ----------------------------------------------------------------------------


def test_every_address_and_who_may_open_it_is_as_it_was_reviewed() -> None:
    found = [address.declared() for site in URLCONFS for address in addresses(site)]
    if os.environ.get(REWRITE):
        LIST.write_text("\n".join(found) + "\n")
    expected = LIST.read_text().splitlines()
    assert found == expected, (
        f"look at each change, then write the new list: {REWRITE}=1 pytest {Path(__file__).name}"
    )


def test_every_address_declares_who_may_open_it() -> None:
    assert [str(address) for site in URLCONFS for address in addresses(site) if address.access is None] == []


# --- everybody, everywhere ---------------------------------------------------------------------------------


EVERYBODYS = {
    "accounts:language",
    "workspace:document",
    "workspace:document-changes",
}  # what they name is nobody's own
HOSTS = {"website": "smoall.localhost", "app": APP, "ops": OPS}
AT_HOME = {
    "tenant": ("member", "administrator", "owner"),
    "app": ("linked", "unlinked"),
    "ops": ("operator",),
}
STRANGERS = ("anonymous", "owner", "operator", "linked")  # on zenith's own host


@pytest.mark.parametrize("site", ["website", "app", "ops", "tenant"])
def test_nobody_reaches_anothers_data_at_any_address(played: Stage, site: str) -> None:
    host = HOSTS.get(site, played.acme.host)
    problems = []
    for address in addresses(site):
        for visitor in played.visitors.values():
            visit = Visit(played, address, host, visitor, is_home=visitor.who in AT_HOME.get(site, ()))
            problems += visit.problems(
                SHORTER if not visit.is_home and visitor.who != "anonymous" else METHODS
            )
    assert not problems, "\n".join(problems)


def test_the_words_are_where_they_should_be(played: Stage) -> None:
    """The other tests would find nothing either if there were nothing to be found."""
    owner = signed_in("owner", played.zenith.host, played.zenith.owner)
    seen: set[str] = set()
    for address in addresses("tenant"):
        for fill in played.objects.fills(address):
            with stage.undone():
                _status, sent = answered(
                    owner.on(played.zenith.host), "get", path_of(address, fill), [], played
                )
                if re.search(f"{DATA}[0-9]".encode(), sent):
                    seen.add(address.name.partition(":")[0])
    assert seen >= {"contacts", "history", "team"}


def test_cookies_of_others_open_nothing_on_a_workspaces_own_host(played: Stage) -> None:
    problems = []
    for address in addresses("tenant"):
        for who in STRANGERS:
            visit = Visit(played, address, played.zenith.host, played.visitors[who], at_zenith=True)
            problems += visit.problems(METHODS if who == "owner" else SHORTER)
    assert not problems, "\n".join(problems)


def test_a_workspace_that_is_being_erased_tells_nothing_and_is_saved_by_nobody_else(played: Stage) -> None:
    with scope.acting(TESTER):
        erasure.request(played.zenith.id, now=timezone.now(), delay=timedelta(hours=12))
        erasure.request(played.acme.id, now=timezone.now(), delay=timedelta(hours=12))
    problems = []
    for site in ("erasing", "tenant"):
        for address in addresses(site):
            for who in ("anonymous", "owner"):
                visit = Visit(played, address, played.acme.host, played.visitors[who], is_closed=True)
                problems += visit.problems(("get", "post"))
    assert not problems, "\n".join(problems)


# --- one visit ---------------------------------------------------------------------------------------------


@dataclass
class Visit:
    """One address, one visitor, one host. `is_home`: signed in there; `at_zenith`: on zenith's own host."""

    stage: Stage
    address: Address
    host: str
    visitor: Visitor
    is_home: bool = False
    at_zenith: bool = False
    is_closed: bool = False

    @property
    def knows(self) -> bool:
        """Whether this visitor may know of zenith here: its integrator and the operator, each at home."""
        return self.is_home and self.visitor.who in ("linked", "operator")

    def problems(self, methods: tuple[str, ...]) -> list[str]:
        """Every way to fill the address by each method; what was wrong, a sentence each. Undone afterwards."""
        found = []
        objects = self.stage.strange if self.at_zenith else self.stage.objects
        for fill in objects.fills(self.address):
            path = path_of(self.address, fill)
            before = self.stage.baseline(knows=self.knows, at_zenith=self.at_zenith)
            where = f"{self.address} by {self.visitor.who} on {self.host}, {path[:70]}"
            with stage.undone():
                found += [f"{where}: {one}" for one in self._tried(path, methods, has_object=bool(fill))]
                after = state_of(self.stage, knows=self.knows, at_zenith=self.at_zenith)
            found += [f"{where}: changed {table}" for table in after if after[table] != before.get(table)]
        return found

    def _tried(self, path: str, methods: tuple[str, ...], *, has_object: bool) -> Iterator[str]:
        names: list[str] = []
        for method in methods:
            status, sent = answered(self.visitor.on(self.host), method, path, names, self.stage)
            if status not in (wanted := self._allowed(has_object=has_object)):
                yield f"{method} was answered by {status} instead of {sorted(wanted)}"
            for word in {word.decode() for word in WORD.findall(sent)}:
                if self._is_secret(word):
                    yield f"{method} tells {self.stage.planted.places.get(word, word)}"
            if method == "get":
                names = FIELD.findall(sent.decode(errors="replace"))

    def _is_secret(self, word: str) -> bool:
        """Contact details are for the linked integrator; the operator sees the fleet, and no mail; a company's name
        stands on its own sign-in page.
        """
        if word.startswith(COMPANY):
            return not (self.knows or self.at_zenith)
        row = self.stage.planted.places.get(word, "").rpartition(".")[0]
        if self.knows and self.visitor.who == "operator":
            return not word.startswith(SHARED) or row == "mail.Message"
        return not (self.knows and row == "clients.Client")

    def _allowed(self, *, has_object: bool) -> set[int]:
        """The statuses that such a visit may have."""
        access, fine = self.address.access, {200, 204, 301, 302, 400, 404, 405, 410, 413, 429}
        assert access
        if self.is_closed:
            return {410}
        if access.kind != "public" and not self.is_home:
            return {302} if self.address.site != "website" else {403}
        if access.right and not (self.visitor.user and self.visitor.user.may(access.right)):
            return {403}
        is_anothers = has_object and self.address.site != "website" and not self.knows
        if is_anothers and self.address.name not in EVERYBODYS:
            return REFUSALS if access.kind == "public" else REFUSALS - {302}
        return fine


def path_of(address: Address, fill: dict[str, Any]) -> str:
    try:
        return reverse(address.name, urlconf=URLCONFS[address.site], kwargs=fill)
    except NoReverseMatch:
        assert not fill, f"{address} has no name by which it can be reached"
        return "/" + re.sub(r"[\^$]|\\Z", "", address.pattern)


def answered(browser: Browser, method: str, path: str, names: list[str], stage_: Stage) -> tuple[int, bytes]:
    """Status, and everything that left: body and headers, in lower case."""
    if method == "htmx":
        answer: Any = browser.get(path, headers={"HX-Request": "true"})
    elif method == "pointed":
        answer = browser.post(path, pointed(names, stage_))
    else:
        answer = getattr(browser, method)(path)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = (
        "\n".join(f"{name}: {value}" for name, value in answer.headers.items()) + answer.cookies.output()
    )
    status = 302 if answer.headers.get("HX-Redirect") else answer.status_code  # how htmx is sent elsewhere
    return status, (headers.encode() + b"\n\n" + body).lower()


def pointed(names: list[str], stage_: Stage) -> dict[str, Any]:
    """Every field of the page's forms filled with the key of a row of zenith, and those that no page shows."""
    rows = stage_.planted.rows
    keys = [
        str(rows[label][0].pk) for label in rows if label.startswith(("contacts.", "accounts.", "tenants."))
    ]
    hidden = (
        "id",
        "ids",
        "contact",
        "contacts",
        "company",
        "tag",
        "tags",
        "user",
        "export",
        "tenant",
        "client",
        "next",
    )
    return {name: keys for name in {*names, *hidden} if name != "csrfmiddlewaretoken"}


def state_of(stage_: Stage, *, knows: bool, at_zenith: bool) -> dict[str, str]:
    """Checksums of everything of zenith that this visit may not change."""
    left_out = (
        VISITED_BY_STRANGERS if at_zenith else {"accounts_session", "accounts_signin"} if knows else set()
    )
    found = catalog.checksums(stage_.zenith.tenant.schema_name, but=left_out)
    if not knows:
        shared = catalog.shared_checksums(stage_.zenith.id, stage_.zenith.tenant.client_id)
        found |= {f"public.{table}": sum_ for table, sum_ in shared.items()}
    return found
