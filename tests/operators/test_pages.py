"""The pages of both consoles and of a client's links in a real browser: accessible, and never wider than it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Browser as Chromium

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.kit.styles import BUILT, build_styles
from shared_apps.operators.models import Inspection
from tenants import departure, erasure
from tenants.models import Departure, Saga, Tenant
from tests.chromium import opened
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import APP, Partner, link
from tests.kit.conftest import SITE, Stage
from tests.kit.test_browser import WCAG
from tests.operators.conftest import OPS

pytestmark = pytest.mark.browser
Pages = dict[str, str]


@pytest.fixture
def pages(
    acme: Cast, zenith: Cast, partner: Partner, opal: User, otto: User, browser: Callable[..., Browser]
) -> Pages:
    """Every page with something on it, by its host and address. Read before Chromium starts."""
    proposal, live = link(zenith, partner, "proposed"), link(acme, partner)
    with scope.shared(actor=TESTER):
        Tenant.locked(acme.id).suspend(reason="Invoice 12 is unpaid", now=timezone.now())
        erasure.request(zenith.id, now=timezone.now(), reason="By letter")
        saga = Saga.objects.create(kind="export", subject=acme.id, key="x", status="failed", error="OSError")
        Job.objects.create(
            name="shared_apps.mail.delivery.tidy", purpose="mail.tidy", state="failed", error="KeyError"
        )
        sizes = {acme.tenant.client_id: 900_000, zenith.tenant.client_id: 400_000}
        look = Inspection.objects.create(asked_at=timezone.now())
        look.finish(problems=["a folder belongs to no client"], sizes=sizes, now=timezone.now())
        gone = Client.objects.create(company="Gone NV", contact_name="Gaby", contact_email="g@gone.test")
        earlier = timezone.now() - timedelta(days=400)
        dates = departure.foresee(earlier)
        Departure.objects.create(
            tenant_uuid=uuid7(),
            client_uuid=gone.pk,
            noticed_at=earlier,
            noticed_by={"role": "owner", "id": "x"},
            data_promised_on=dates.data_on,
            contacts_promised_on=dates.contacts_on,
            data_on=dates.data_on,
            contacts_on=dates.contacts_on,
            data_erased_at=timezone.now(),
        )
        partner.organisation.invite(name="Ivo", email="ivo@links.test", language="en", now=timezone.now())
    clients = f"/clients/{acme.tenant.client_id}/", f"/clients/{zenith.tenant.client_id}/"
    addresses: dict[str, tuple[Browser, tuple[str, ...]]] = {
        OPS: (browser(OPS, opal), (
            "/", "/clients/", "/clients/new/", *clients, f"/clients/{gone.pk}/", f"{clients[0]}erase/",
            f"{clients[0]}give-notice/", f"/clients/{gone.pk}/move-day/contacts/", "/departures/", "/work/", "/work/jobs/",
            f"/work/{saga.pk}/", "/integrators/", "/integrators/new/", f"/integrators/{partner.organisation.pk}/",
            "/operators/", "/operators/invite/", "/health/",
        )),
        APP: (browser(APP, partner.ines), (
            "/clients/", f"/clients/{live.pk}/", "/organisation/", "/organisation/invite/", "/organisation/edit/",
        )),
        acme.host: (browser(acme, acme.owner), (
            "/workspace/", "/workspace/integrator/", f"/workspace/integrator/preview/?code={partner.organisation.code}",
        )),
    }  # fmt: skip
    assert proposal.state == "proposed"
    return {
        f"{host}{address}": _html(here, address) for host, (here, own) in addresses.items() for address in own
    }


def _html(browser: Browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.fixture
def chromium(pages: Pages) -> Iterator[Chromium]:
    if not BUILT.exists():
        build_styles()
    with opened() as browser:
        yield browser


def test_every_page_is_accessible_and_fits(pages: Pages, chromium: Chromium) -> None:
    """Axe looks at the phone's page, where everything stands too; tests/kit compares colours in both themes."""
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
