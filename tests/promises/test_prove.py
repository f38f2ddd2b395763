"""A round of looks: stored, tidied, published, told of; by the schedule, by an operator, by the command."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.jobs import run
from shared_apps.jobs.models import Job
from shared_apps.jobs.timed import everything
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.promises import checking, document, jobs
from shared_apps.promises.catalogue import PROMISES
from shared_apps.promises.models import KEPT, Proof
from tests.conftest import Cast
from tests.integrators.conftest import APP, make_partner
from tests.operators.conftest import OPS, make_operator
from tests.promises.conftest import looked

COMMAND = "prove_promises"


def stored(**which: Any) -> list[Proof]:
    with scope.shared():
        return list(Proof.objects.filter(**which))


def alarms() -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(purpose="promises.alarm"))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """P41: a text that was edited."""
    from shared_apps.legal import documents

    monkeypatch.setattr(documents, "altered", lambda: ["privacy 1 fr"])


def test_the_schedule_looks_more_than_once_a_day_and_every_check_each_time(acme: Cast, crawled: None) -> None:
    (timed,) = [one for one in everything() if one.job == jobs.prove.name]
    assert timed.every == checking.EVERY <= 24 * 3600 // 2
    with scope.shared():
        jobs.prove.later()
    run.drain()
    looks = {(one.promise, one.check_name) for one in stored()}
    assert looks == {(id, each.name) for each in checking.checks().values() for id in each.promises}
    assert all(one.release == settings.SMOALL_RELEASE for one in stored())
    assert document.read().values["release"] == settings.SMOALL_RELEASE
    with scope.shared():
        assert Job.objects.get(name=jobs.prove.name).state == Job.State.DONE


def test_old_results_go(acme: Cast) -> None:
    now = timezone.now()
    jobs.keep(
        [Proof(promise="P12", check_name="x", result="kept", at=now - KEPT - timedelta(hours=1))], now=now
    )
    assert stored() == []


def test_operators_are_mailed_once_a_day_while_a_promise_is_broken(
    acme: Cast, crawled: None, broken: None
) -> None:
    opal, _otto = make_operator("Opal"), make_operator("Otto")
    now = timezone.now()
    for hours in (0, 1):
        jobs.round_of_looks(now + timedelta(hours=hours) if now.hour < 21 else now)
    assert len(alarms()) == 2
    said = next(mail for mail in alarms() if mail.to_address == opal.email)
    assert "P41: Every new version of the privacy policy is on the website." in said.body
    jobs.round_of_looks(now + timedelta(days=1))
    assert len(alarms()) == 4


def test_nobody_is_mailed_while_all_is_well(acme: Cast, crawled: None) -> None:
    make_operator("Opal")
    jobs.round_of_looks(timezone.now())
    assert [one.check_name for one in stored(result="broken")] == []
    assert alarms() == []


def test_a_check_that_fails_proves_nothing_and_stops_no_other(
    acme: Cast, crawled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(around: checking.Round) -> checking.Result:
        raise ValueError("Olga Acme")

    each = checking.checks()["cookies-are-shown"]
    monkeypatch.setitem(
        checking._checks, each.name, checking.Check(each.name, each.promises, each.title, fail)
    )
    found = checking.prove(timezone.now())
    (failed,) = [one for one in found if one.check_name == each.name]
    assert failed.result == "unknown" and "ValueError" in failed.said and "Olga" not in failed.said
    assert len(found) > len(PROMISES) - 10


def test_a_check_cannot_write(acme: Cast) -> None:
    with checking.reading(scope.tenant(acme.id)), pytest.raises(Exception, match="read-only transaction"):
        User.objects.update(name="Mallory")
    with acme.inside():
        assert not User.objects.filter(name="Mallory").exists()


def test_of_many_workspaces_each_comes_by(acme: Cast, zenith: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "SHARE", 1)
    now = timezone.now()
    seen = [
        [tenant.id for tenant in checking.Round(now + timedelta(seconds=checking.EVERY * step)).share] for step in range(2)
    ]  # fmt: skip
    assert sorted(seen) == sorted([[acme.id], [zenith.id]])
    assert looked("every-change-has-an-author").numbers["schemas"] == 2


def test_without_a_web_process_nothing_is_said_of_pages(acme: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SMOALL_WEB", "http://127.0.0.1:9")
    assert {looked(name).state for name in ("website-leaves-nothing", "pages-stay-at-home")} == {"unknown"}


def test_pages_that_were_out_of_reach_are_asked_for_again_soon_and_once_an_hour(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SMOALL_WEB", "http://127.0.0.1:9")
    now = timezone.now().replace(minute=5)
    for minutes in (0, 3):
        jobs.round_of_looks(now + timedelta(minutes=minutes))
    with scope.shared():
        (again,) = Job.objects.filter(name=jobs.prove_now.name)
        assert again.run_after == now + jobs.AGAIN_AFTER
        assert jobs.under_way(now) is None, "an operator need not wait for it"


# --- the command --------------------------------------------------------------------------------------------


def said(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(COMMAND, *arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_the_command_looks_at_what_is_named_keeps_it_and_says_what_it_saw(acme: Cast) -> None:
    found = said("P12", "p40")
    assert {one["promise"] for one in found["proofs"]} == {"P12", "P40"}
    assert {one["result"] for one in found["proofs"]} <= {"kept", "unknown"}
    assert {one.promise for one in stored()} == {"P12", "P40"}
    assert document.read().values["promises"][11]["checks"][0]["last"]["result"] == "kept"


def test_a_dry_run_keeps_nothing(acme: Cast) -> None:
    assert said("P12", "--dry-run")["proofs"]
    assert stored() == [] and not document.path().exists()


def test_the_command_exits_with_1_when_a_promise_is_broken(acme: Cast, crawled: None, broken: None) -> None:
    with pytest.raises(SystemExit) as ended:
        said("P41")
    assert ended.value.code == 1


def test_the_command_refuses_a_promise_that_nobody_made(acme: Cast) -> None:
    with pytest.raises(CommandError, match="There is no promise P99"):
        said("P99")


def test_the_command_says_why_nothing_is_looked_at(acme: Cast) -> None:
    (one,) = said("P28", "--dry-run")["without_a_check"]
    assert one["arrives_with"] == "backups"


# --- ops ----------------------------------------------------------------------------------------------------

ADDRESSES = {"": "get", "p12/": "get", "p13/": "get", "p99/": "get", "prove/": "post", "progress/": "get"}


@pytest.mark.parametrize("path", ADDRESSES)
def test_operators_alone_open_the_pages_of_ops(
    path: str, acme: Cast, browser: Callable[..., Browser]
) -> None:
    partner = make_partner("Links & Co", "links.test")
    opal = make_operator("Opal")
    opened = {
        "operator": browser(OPS, opal), "nobody": browser(OPS),
        "somebody of a workspace": browser(acme, acme.owner), "somebody of an integrator": browser(APP, partner.ines),
    }  # fmt: skip
    got = {
        who: getattr(each, ADDRESSES[path])(f"/promises/{path}").status_code for who, each in opened.items()
    }
    assert got["operator"] == (404 if path == "p99/" else 302 if path == "prove/" else 200)
    assert got["nobody"] == 302
    assert got["somebody of a workspace"] == got["somebody of an integrator"] == 404


def test_an_operator_has_everything_looked_at_now_once_and_sees_it(
    acme: Cast, crawled: None, browser: Callable[..., Browser]
) -> None:
    here = browser(OPS, make_operator("Opal"))
    assert "Nobody has looked yet." in here.get("/promises/").content.decode()
    for _click in range(2):
        assert here.post("/promises/prove/").status_code == 302
    with scope.shared():
        assert Job.objects.filter(name=jobs.prove_now.name).count() == 1
    assert "Looking at every promise" in here.get("/promises/").content.decode()
    run.drain()
    assert here.get("/promises/progress/").headers["HX-Refresh"] == "true"
    page = here.get("/promises/").content.decode()
    assert "made for addresses or places: 0." in page and "<svg" in page
    one = here.get("/promises/p12/").content.decode()
    assert "The last 1 looks: 1 found it kept" in one and "result-strip" in one
    only = here.get("/promises/?standing=later").content.decode()
    assert "/promises/p28/" in only and "/promises/p12/" not in only


def test_the_page_asks_a_constant_number_of_queries(
    acme: Cast, crawled: None, browser: Callable[..., Browser], statements: Callable[[], Any]
) -> None:
    here = browser(OPS, make_operator("Opal"))
    counts = []
    for _round in range(2):
        jobs.round_of_looks(timezone.now())
        with statements() as sent:
            here.get("/promises/")
        counts.append(len(sent))
    assert counts[0] == counts[1] < 20
