"""P33 in the browser: pages fetch and post to nobody else; and the pages of this module, accessible and fitting."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Browser as Chromium

from shared_apps.accounts.models import User
from shared_apps.integrators.models import Look
from shared_apps.kit import scope
from shared_apps.kit.styles import BUILT, build_styles
from shared_apps.sharing.models import Partner, Refusal
from tests.chromium import opened
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import link, make_partner
from tests.kit.conftest import SITE, Stage
from tests.kit.test_browser import WCAG
from tests.operators.conftest import OPS
from tests.sharing.conftest import PURPOSES, made, make_shared_with, register

Open = Callable[..., Browser]
HOSTS = ("smoall.localhost", "app.smoall.localhost", "ops.smoall.localhost", "acme.smoall.localhost")


def elsewhere(policy: str) -> set[str]:
    """What a content policy lets a page fetch or post to beside its own origin and the hosts of this deployment."""
    found = set()
    for directive in filter(None, (part.strip() for part in policy.split(";"))):
        name, *values = directive.split()
        for value in values:
            is_ours = value in ("'self'", "'none'") or (
                name == "form-action" and value == f"http://*.{settings.SMOALL_DOMAIN}:*"
            )
            if not is_ours:
                found.add(f"{name} {value}")
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_P33_no_page_may_fetch_from_or_post_to_another_origin(acme: Cast, host: str) -> None:
    answer = Browser(HTTP_HOST=host).get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "connect-src" not in policy, (
        "what it does not name is default-src"
    )
    assert "form-action 'self'" in policy
    assert elsewhere(policy) == set()


def test_P33_a_looser_policy_is_noticed() -> None:
    """The planted fault."""
    assert elsewhere("default-src 'self'; connect-src 'self' https://stats.example; img-src data:") == {
        "connect-src https://stats.example", "img-src data:",
    }  # fmt: skip


# --- partners, from the form to their end ------------------------------------------------------------------------

SAID = {f"purpose_{code}": text for code, text in PURPOSES.items()}
TYPED = {
    **SAID,
    "name": "Pay Inc",
    "categories": ["contact"],
    "country": "IE",
    "hosts": "API.pay.example\n",
}


def test_a_partner_is_registered_verified_and_ended(opal: User, browser: Open) -> None:
    here = browser(OPS, opal)
    assert "there is no partner" in here.get("/sharing/").content.decode()
    assert here.post("/sharing/new/", TYPED).status_code == 302
    with scope.shared():
        made = Partner.objects.get()
    assert made.hosts == ["api.pay.example"]
    page = f"/sharing/{made.pk}/"
    assert "Nobody has read its privacy policy" in here.get(page).content.decode()
    until = str(timezone.localdate() + timedelta(days=100))
    typed = {
        "policy_url": "https://pay.example/privacy",
        "text": "We sell\r\nnothing.",
        "valid_until": until,
    } | SAID
    assert here.post(f"{page}verify/", typed | {"purpose_de": " "}).status_code == 200, (
        "a language is missing"
    )
    assert here.post(f"{page}verify/", typed).status_code == 302
    shown = here.get(page).content.decode()
    assert "We sell\nnothing." in shown and "Opal" in shown and "verified" in shown
    assert here.post(f"{page}end/").status_code == 302 == here.post(f"{page}end/").status_code
    assert "ended" in here.get(page).content.decode()
    answer = here.post(f"{page}verify/", typed)
    assert answer.status_code == 200 and "was ended" in answer.content.decode()


@pytest.mark.parametrize(
    "host", ["localhost", "10.0.0.1", "ops.smoall.localhost", "x.localhost", "https://a.example", "a", "a..b", "*.a.example",
             "a.example/x", "a.example:25", "-a.example", "[::1]", "pay\u0456.example"]
)  # fmt: skip
def test_a_host_is_a_name_out_there(opal: User, browser: Open, host: str) -> None:
    answer = browser(OPS, opal).post("/sharing/new/", TYPED | {"hosts": f"fine.example\n{host}"})
    assert answer.status_code == 200 and "no name of a host" in answer.content.decode()
    with scope.shared():
        assert not Partner.objects.exists()


@pytest.mark.parametrize("wrong", ["nothing", "both", "picture", "bytes", "blank", "late"])
def test_a_policy_without_a_text_is_not_verified(opal: User, browser: Open, wrong: str) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    partner = make_shared_with(is_verified=False)
    until = timezone.localdate() + timedelta(days=500 if wrong == "late" else 100)
    typed: dict[str, Any] = {
        **SAID,
        "policy_url": "https://pay.example/privacy",
        "valid_until": str(until),
        "text": "",
    }
    files = {
        "both": SimpleUploadedFile("a.txt", b"text"), "picture": SimpleUploadedFile("a.png", b"\x89PNG"),
        "bytes": SimpleUploadedFile("a.txt", b"\xff\xfe\xff"),
    }  # fmt: skip
    typed |= {"file": files[wrong]} if wrong in files else {}
    typed |= {"text": {"both": "text", "blank": " \n ", "late": "text"}.get(wrong, "")}
    assert browser(OPS, opal).post(f"/sharing/{partner.pk}/verify/", typed).status_code == 200
    with scope.shared():
        assert partner.policy is None


def test_a_policy_may_be_a_file(opal: User, browser: Open) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    partner = make_shared_with(is_verified=False)
    typed = {"policy_url": "https://pay.example/privacy", "valid_until": str(timezone.localdate()),
             **SAID, "file": SimpleUploadedFile("policy.html", "<p>Très bien</p>".encode())}  # fmt: skip
    assert browser(OPS, opal).post(f"/sharing/{partner.pk}/verify/", typed).status_code == 302
    with scope.shared():
        assert partner.policy is not None and partner.policy.text == "<p>Très bien</p>"


def test_refused_destinations_are_shown(opal: User, browser: Open) -> None:
    here = browser(OPS, opal)
    with scope.shared(actor=TESTER):  # a refusal is committed at once, so that of another test may be there
        Refusal.objects.all().delete()
    assert "No program has tried" in here.get("/sharing/refused/").content.decode()
    with scope.shared(actor=TESTER):
        Refusal.objects.create(host="tracker.example", on=timezone.localdate(), count=7)
    assert "tracker.example" in here.get("/sharing/refused/").content.decode()


# --- in Chromium ------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(acme: Cast, opal: User, otto: User, browser: Open) -> dict[str, str]:
    """Every page with something on it. Read before Chromium starts."""
    integrator = make_partner("Links & Co", "links.test")
    live = link(acme, integrator)
    verified, other = make_shared_with(otto), make_shared_with(is_verified=False)
    with scope.shared(actor=TESTER):
        Look.note([live], by=integrator.ines, now=timezone.now())
        verified.disclose(acme.tenant.client_id, categories=["contact"], why="A payment", now=timezone.now())
        Refusal.objects.create(host="tracker.example", on=timezone.localdate(), count=7)
    waiting = register(acme, otto, reference="2026/18")
    done = made(acme, otto, opal, gag_until=timezone.localdate() + timedelta(days=9))
    told = made(acme, otto, opal, reference="2026/19")
    addresses: tuple[tuple[Browser, tuple[str, ...]], ...] = (
        (browser(OPS, opal), (
            "/sharing/", "/sharing/new/", "/sharing/refused/", f"/sharing/{verified.pk}/", f"/sharing/{other.pk}/",
            f"/sharing/{other.pk}/verify/", "/sharing/orders/", "/sharing/orders/new/",
            *(f"/sharing/orders/{order.pk}/" for order in (waiting, done, told)),
        )),
        (browser(acme, acme.owner), ("/workspace/disclosures/", "/workspace/disclosures/?kind=order", "/workspace/")),
    )  # fmt: skip
    found = {}
    for here, own in addresses:
        for address in own:
            answer = here.get(address)
            assert answer.status_code == 200, address
            found[address] = answer.content.decode()
    return found


@pytest.fixture
def chromium(pages: dict[str, str]) -> Iterator[Chromium]:
    if not BUILT.exists():
        build_styles()
    with opened() as browser:
        yield browser


@pytest.mark.browser
def test_every_page_is_accessible_and_fits(pages: dict[str, str], chromium: Chromium) -> None:
    stage, wrong = Stage(chromium.new_page(color_scheme="dark", reduced_motion="reduce")), list[Any]()
    for name, html in pages.items():
        stage.answers["/shown/"] = (200, {"Content-Type": "text/html; charset=utf-8"}, html)
        stage.page.goto(f"{SITE}/shown/")
        for width in (1280, 390):
            stage.page.set_viewport_size({"width": width, "height": 900})
            if not stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                wrong.append((name, f"wider than {width}"))
        found = Axe().run(stage.page, options=WCAG).response["violations"]
        wrong += [(name, each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
    assert wrong == [] and stage.complaints == []
