"""An operator's day: the fleet, a new client, a suspension that its people notice, work that failed, health."""

import re
import secrets

import psycopg2
from playwright.sync_api import expect

from config import embedded_postgres
from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor
from tests.browser.world import World


def test_an_operator_finds_makes_suspends_and_resumes_clients(visitor: Visitors) -> None:
    name = f"nova-{secrets.token_hex(3)}"
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    page = oscar.page
    oscar.look("overview", dark=True)
    oscar.open("/clients/")
    oscar.look("clients", dark=True)
    oscar.open("/clients/?q=delhoyaux")
    page.get_by_role("link", name="Méca-Delhoyaux SA").click()
    oscar.reads("Gosselies")
    oscar.look("client", dark=True)
    assert "Zinguerie" not in page.content()

    oscar.open("/clients/new/")
    oscar.press("Make the workspace")
    oscar.look("new-refused")
    oscar.fill(company=f"Nova {name} BV", subdomain=name, name="Nele Nova", email=f"nele@{name}.example")
    page.locator("[name=language]").select_option("fr")
    oscar.press("Make the workspace")
    page.wait_for_url(re.compile(r"/work/[0-9a-f-]{36}/"))
    oscar.look("making")
    expect(page.locator(".progress-done")).to_be_visible()
    page.reload()
    oscar.look("made")
    oscar.follow("Open the client’s page")

    nele = visitor("fr", phone=True)
    nele.page.goto(nele.mailed_link(f"nele@{name}.example", "/sign-up/"))
    nele.look("terms")
    nele.page.locator("[name=terms]").check()
    nele.page.locator("main form button.button-primary").click()
    nele.page.wait_for_url("**/enter/**")
    nele.fill(password=PASSWORD)
    nele.press("Enter", "a workspace, for the first time")
    nele.page.wait_for_url(re.compile(rf"//{name}\.[^/]+/$"))

    page.locator("[data-dialog=suspend]").click()
    page.locator("#suspend-reason").fill("Unpaid since March")
    oscar.look("suspend", whole=False)
    page.locator("#suspend").get_by_role("button", name="Suspend", exact=True).click()
    oscar.sees("This workspace is suspended.")
    oscar.look("suspended")
    client = page.url
    _lives_suspended(nele, name)
    page.goto(client)
    oscar.press("Resume")
    expect(page.locator("[data-dialog=suspend]")).to_be_visible()
    nele.open("/contacts/new/")


def _lives_suspended(nele: Visitor, name: str) -> None:
    """Signed out; reads and takes a copy, changes nothing."""
    nele.page.goto(nele.here("/contacts/"))
    nele.page.wait_for_url("**/sign-in/**")
    nele.fill(email=f"nele@{name}.example", password=PASSWORD)
    nele.press("Sign in")
    nele.page.wait_for_url(lambda found: "/sign-in/" not in found)
    nele.open("/contacts/")
    nele.look("read-only")
    with nele.expecting(402, 403, 423):
        nele.page.goto(nele.here("/contacts/new/"))
        if nele.page.locator("[name=name]").count():
            nele.fill(name="Something")
            nele.press("Save contact")
    nele.sees("This workspace is suspended")
    nele.look("nothing-changed")
    nele.open("/workspace/exports/")
    nele.look("may-still-export")


def test_failed_work_is_tried_again_and_health_is_looked_at(visitor: Visitors, world: World) -> None:
    oscar = visitor("en", phone=True)
    oscar.sign_in("Oscar")
    _fail_a_mail(world)
    oscar.open("/work/")
    oscar.look("work")
    oscar.open("/work/jobs/?state=failed")
    oscar.look("failed", dark=True)
    count = oscar.page.locator("tbody tr").count()
    assert count
    oscar.press("Try again")
    oscar.page.wait_for_load_state()
    oscar.look("tried-again")
    oscar.open("/work/jobs/?state=failed")
    assert oscar.page.locator("tbody tr").count() == count - 1
    oscar.open("/health/")
    with oscar.page.expect_navigation():
        oscar.press("Look again")
    expect(oscar.page.locator(".progress")).to_have_count(0, timeout=60_000)
    oscar.page.wait_for_load_state()
    oscar.sees("Everything fits together.")
    oscar.look("health", dark=True)
    oscar.open("/integrators/")
    oscar.look("integrators")
    oscar.page.locator(".row-link").first.click()
    oscar.look("integrator")
    oscar.open("/operators/")
    oscar.look("operators")


def _fail_a_mail(world: World) -> None:
    """Pretend that a delivery ended badly: doing it again finds it delivered."""
    admin = psycopg2.connect(embedded_postgres.admin_url(world.data), dbname="smoall")
    try:
        with admin, admin.cursor() as cursor:
            cursor.execute(
                "UPDATE public.jobs_job SET state = 'failed', failures = 5, error = 'TimeoutError in deliver' "
                "WHERE id = (SELECT id FROM public.jobs_job WHERE state = 'done' "
                "ORDER BY purpose = 'mail.deliver' DESC, created_at DESC LIMIT 1)"
            )
            assert cursor.rowcount == 1
    finally:
        admin.close()


def test_the_fleet_shows_waves_failures_pool_and_drift(visitor: Visitors, world: World) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    oscar.open("/fleet/")
    oscar.sees("up to date")
    oscar.look("fleet-quiet")
    company = _fail_a_migration(world)
    oscar.open("/fleet/")
    oscar.reads(company)
    oscar.look("fleet", dark=True)
    small = visitor("en", phone=True)
    small.sign_in("Oscar")
    small.open("/fleet/")
    small.look("fleet-phone")
    oscar.page.get_by_role("button", name=re.compile(f"Begin anew.*{company}")).click()
    oscar.sees("It begins anew.")
    for _look in range(60):
        oscar.open("/fleet/")
        if not oscar.page.get_by_role("button", name=re.compile(f"Begin anew.*{company}")).count():
            break
        oscar.page.wait_for_timeout(500)
    oscar.look("fleet-mended")
    _forget_the_fleets_ledger(world)


def _fail_a_migration(world: World) -> str:
    """Pretend that one workspace could not be migrated, that others were, and that a table of it differs."""
    admin = psycopg2.connect(embedded_postgres.admin_url(world.data), dbname="smoall")
    try:
        with admin, admin.cursor() as cursor:
            cursor.execute('SET smoall.actor TO \'{"kind":"system","id":"t","name":"Tests"}\'')
            cursor.execute(
                """INSERT INTO tenants_fleetentry (id, tenant_id, release, fingerprint, from_release, wave, status, error,
                                                   attempts, started_at, ended_at, created_at)
                   SELECT gen_random_uuid(), t.id, s.release, s.fingerprint, '0.0.9', CASE n WHEN 1 THEN 0 ELSE 1 END,
                          CASE n WHEN 2 THEN 'failed' WHEN 3 THEN 'waiting' ELSE 'done' END,
                          CASE n WHEN 2 THEN 'column "nickname" of relation "contacts_contact" already exists (42701). '
                              'At: ALTER TABLE "contacts_contact" ADD COLUMN "nickname" varchar(200)' ELSE '' END,
                          1, now(), now(), now()
                     FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM tenants_tenant
                            WHERE state = 'active') t, tenants_snapshot s"""
            )
            cursor.execute(
                """UPDATE tenants_tenant SET release = '0.0.9' WHERE id IN
                   (SELECT tenant_id FROM tenants_fleetentry WHERE status = 'failed')"""
            )
            cursor.execute(
                """INSERT INTO tenants_drift (id, tenant_id, differences, found_at)
                   SELECT gen_random_uuid(), tenant_id, '["column contacts_contact.nickname is too many"]', now()
                     FROM tenants_fleetentry WHERE status = 'failed'"""
            )
            cursor.execute(
                """SELECT c.company FROM clients_client c JOIN tenants_tenant t ON t.client_id = c.id
                     JOIN tenants_fleetentry e ON e.tenant_id = t.id AND e.status = 'failed'"""
            )
            return str(cursor.fetchone()[0])
    finally:
        admin.close()


def _forget_the_fleets_ledger(world: World) -> None:
    admin = psycopg2.connect(embedded_postgres.admin_url(world.data), dbname="smoall")
    try:
        with admin, admin.cursor() as cursor:
            cursor.execute("DELETE FROM tenants_fleetentry")
            cursor.execute("DELETE FROM tenants_drift")
    finally:
        admin.close()
