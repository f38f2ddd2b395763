"""I6: what belongs to one workspace or host opens nothing in another: links, tokens, jobs, sagas, cache keys, files.

Session cookies, CSRF tokens and the links of accounts are carried about in tests/accounts. Here: every purpose that the
program signs for, every page that takes a token, and what no person sees.
"""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from shared_apps import mail
from shared_apps.accounts.models import Purpose, User
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain, run
from shared_apps.kit import scope, tokens
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message, print_of
from shared_apps.operators.models.grant import ENTER
from tenants import erasure, export, opening, sagas, stores
from tenants.models import Saga, SignUp, State, Tenant
from tests.conftest import TESTER, Cast
from tests.isolation import catalog, stage
from tests.isolation.addresses import URLCONFS, Address, addresses
from tests.isolation.conftest import APP, OPS
from tests.isolation.test_addresses import path_of

SOURCES = ("config", "tenants", "billing", "shared_apps", "tenant_apps")
PURPOSES = {
    *(f"accounts.{purpose}" for purpose in Purpose),
    "erasure.cancel",
    "sign_up",
    "contact",
    "mail.refuse",
    ENTER,
}
PASSPHRASE = "a long sentence to remember"


# --- signed links ------------------------------------------------------------------------------------------------


def purposes_in_the_program() -> dict[str, str]:
    """{what follows `purpose=` in a call of tokens.sign, as written: its place}."""
    found, root = {}, Path(settings.BASE_DIR)
    for path in (path for source in SOURCES for path in (root / source).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tokens.sign":
                purpose = next(keyword.value for keyword in node.keywords if keyword.arg == "purpose")
                found[ast.unparse(purpose)] = f"{path.relative_to(root)}:{node.lineno}"
    return found


def test_every_purpose_that_the_program_signs_for_is_carried_about_here() -> None:
    known = {"ENTER", "'erasure.cancel'", "'sign_up'", "'contact'", "'mail.refuse'", "f'accounts.{purpose}'"}
    assert set(purposes_in_the_program()) == known, "carry the new link about below (PURPOSES, `links`)"


def places(acme: Cast, zenith: Cast) -> dict[str, Callable[[], Any]]:
    return {
        "acme": acme.inside,
        "zenith": zenith.inside,
        "app": lambda: scope.shared(realm="app"),
        "ops": lambda: scope.shared(realm="ops"),
        "shared": scope.shared,
    }


def test_a_token_is_read_in_its_own_place_for_its_own_purpose_alone(acme: Cast, zenith: Cast) -> None:
    made = {}
    for place, enter in places(acme, zenith).items():
        with enter():
            made |= {(place, purpose): tokens.sign("x", purpose=purpose) for purpose in PURPOSES}
    for (place, purpose), token in made.items():
        for other, enter in places(acme, zenith).items():
            for asked in PURPOSES:
                with enter():
                    if (other, asked) == (place, purpose):
                        assert tokens.read(token, purpose=asked, max_age=60) == "x"
                        continue
                    with pytest.raises(tokens.BadToken):
                        tokens.read(token, purpose=asked, max_age=60)


def links(cast: Cast) -> dict[str, str]:
    """{address name: path of a link that works in that workspace or on app. for its client}, one for each page."""
    found = {}
    with cast.inside():
        person = User.objects.get(pk=cast.colleague.pk)
        for purpose in Purpose:
            token = person.link(purpose).split("/")[-2]
            found[f"accounts:{purpose}"] = token
        found["erasing:cancel"] = tokens.sign(
            str(asked.id) if (asked := erasure.pending(cast.id)) else "x", purpose="erasure.cancel"
        )
        offer = ["information", print_of(person.email), "", "", "en"]
        found["mail:refuse"] = tokens.sign(offer, purpose="mail.refuse")
        found["support:enter"] = tokens.sign([str(cast.id), "x"], purpose=ENTER)
    with scope.shared(realm="app"):
        found["app"] = tokens.sign([str(cast.id), "x"], purpose="sign_up")
        found["app:contact"] = tokens.sign([str(cast.id), "x"], purpose="contact")
    return found


def token_pages() -> list[Address]:
    return [address for site in URLCONFS for address in addresses(site) if "token" in address.arguments]


def others(address: Address) -> dict[str, Any]:
    """Something for each argument that is no token, of its own kind."""
    return {
        name: uuid7() if f"<uuid:{name}>" in address.pattern else "data"
        for name in address.arguments
        if name != "token"
    }


def test_every_page_that_takes_a_token_refuses_those_of_every_other_place(acme: Cast, zenith: Cast) -> None:
    """Each token of acme at each such page of zenith, app. and ops.; nothing is changed anywhere."""
    state = lambda: {  # noqa: E731
        schema: catalog.checksums(schema, but={"accounts_session"})
        for schema in ("public", acme.tenant.schema_name, zenith.tenant.schema_name)
    }
    hosts = {"tenant": zenith.host, "app": APP, "ops": OPS}
    problems, before = [], state()
    carried = set(links(acme).values())
    for address in token_pages():
        for token in carried:
            own = "app:contact" if address.name.startswith(("app:contact", "invoices-contact")) else "app"
            is_own = address.site == "app" and token == links(acme)[own]
            if address.site not in hosts or is_own:
                continue
            for method in ("get", "post"):
                browser = Browser(HTTP_HOST=hosts[address.site])
                answer = getattr(browser, method)(
                    path_of(address, {"token": token, **others(address)}),
                    {"name": "Eve", "password": "seven quiet herons"},
                )
                if answer.status_code not in (302, 403, 404, 405, 410) and not answer.headers.get(
                    "HX-Redirect"
                ):
                    problems.append(f"{address} {method}: {answer.status_code}")
    assert len(token_pages()) > 10
    assert problems == []
    assert state() == before


def test_a_link_that_cancels_an_erasure_saves_no_other_workspace_and_no_later_one(
    acme: Cast, zenith: Cast
) -> None:
    with scope.acting(TESTER):
        for cast in (acme, zenith):
            erasure.request(cast.id, now=timezone.now(), delay=timedelta(hours=12))
        token = links(acme)["erasing:cancel"]
        path = f"/erasure/cancel/{token}/"
        for method in ("get", "post"):
            assert getattr(Browser(HTTP_HOST=zenith.host), method)(path).status_code == 410
        with scope.shared():
            assert Tenant.objects.get(pk=zenith.id).state == State.ERASING
        assert Browser(HTTP_HOST=acme.host).post(path).status_code == 302
        erasure.request(acme.id, now=timezone.now(), delay=timedelta(hours=12))
        assert Browser(HTTP_HOST=acme.host).post(path).status_code == 410, "it was for the one before"
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).state == State.ERASING


def test_a_sign_ups_link_shows_no_other_sign_up(db: None) -> None:
    with scope.shared(actor=TESTER, realm="app"):
        day = timezone.now() + timedelta(days=1)
        mine, theirs = (
            SignUp.objects.create(
                company=f"{name} SRL", country="BE", language="en", subdomain=f"{name}-wanted", name=name,
                email=f"{name}@x.test", expires_at=day,
            )
            for name in ("mine", "theirs")
        )  # fmt: skip
        payload = tokens.read(
            opening.link(mine).rstrip("/").rpartition("/")[2], purpose="sign_up", max_age=60
        )
        swapped = tokens.sign([str(theirs.id), payload[1]], purpose="sign_up")
    answer = Browser(HTTP_HOST=APP).get(f"/sign-up/{swapped}/")
    assert answer.status_code == 410
    assert b"theirs" not in answer.content.lower()


# --- jobs --------------------------------------------------------------------------------------------------------


def queued(cast: Cast, text: str) -> tuple[Message, Job]:
    """A mail that waits in a workspace's outbox, with its job."""
    with cast.inside():
        message = mail.send(
            purpose="accounts.reset", to="someone@x.test", language="en", template="accounts/mail/reset", key=f"key {text}",
            context={"person": cast.owner, "link": f"http://{text}.test"},
        )  # fmt: skip
        with scope.shared():
            return message, Job.objects.get(args=[str(message.pk)])


def state_of(cast: Cast, message: Message) -> str:
    with cast.inside():
        return str(Message.objects.get(pk=message.pk).state)


def test_a_job_that_is_moved_to_another_workspace_finds_nothing_there(
    acme: Cast, zenith: Cast, mailoutbox: list[Any]
) -> None:
    message, job = queued(acme, "acme")
    with scope.shared():
        Job.objects.filter(pk=job.pk).update(tenant_uuid=zenith.id)
    run(str(job.pk))
    assert mailoutbox == []
    assert state_of(acme, message) == "queued"
    with scope.shared():
        Job.objects.filter(pk=job.pk).update(tenant_uuid=None, state="waiting")
    run(str(job.pk))
    assert mailoutbox == []


def test_a_job_with_anothers_arguments_finds_nothing_here(
    acme: Cast, zenith: Cast, mailoutbox: list[Any]
) -> None:
    (mine, job), (theirs, _) = queued(acme, "acme"), queued(zenith, "zenith")
    with scope.shared():
        Job.objects.filter(pk=job.pk).update(args=[str(theirs.pk)])
    run(str(job.pk))
    assert mailoutbox == []
    assert (state_of(acme, mine), state_of(zenith, theirs)) == ("queued", "queued")


def test_a_job_runs_in_its_own_workspace_wherever_it_is_run_from(
    acme: Cast, zenith: Cast, mailoutbox: list[Any]
) -> None:
    message, job = queued(acme, "acme")
    with zenith.inside():
        run(str(job.pk))
        assert scope.tenant_id() == zenith.id
    assert state_of(acme, message) == "sent"
    assert [mail_.to for mail_ in mailoutbox] == [["someone@x.test"]]


def test_an_entry_of_the_queue_that_was_altered_is_not_opened(acme: Cast, zenith: Cast) -> None:
    queued(acme, "acme")
    with scope.shared():
        payload = OrmQ.objects.latest("pk").payload
    assert SignedPackage.loads(payload)["func"] == "shared_apps.jobs.run.run"
    body, _, signature = payload.rpartition(":")
    for altered in (
        f"{body[:-2]}AA:{signature}",
        f"{body}:{signature[::-1]}",
        signing.dumps("x", key="another secret"),
    ):
        with pytest.raises(signing.BadSignature):
            SignedPackage.loads(altered)


# --- sagas -------------------------------------------------------------------------------------------------------


def test_an_export_that_is_pointed_at_another_workspace_is_refused_by_its_key(committing: None) -> None:
    mine, theirs = stage.workspace("saga-mine"), stage.workspace("saga-theirs")
    with scope.acting(TESTER):
        asked = export.request(mine.id, PASSPHRASE, now=timezone.now())
    pointed = point(asked.saga, theirs.id)
    assert (pointed.status, pointed.cursor) == (Saga.Status.WAITING, 0)
    assert "BadSeal" in pointed.error or "in unseal" in pointed.error, pointed.error
    assert not list(stores.folder("exports", theirs.id).rglob("*.age")) and not list(
        stores.folder("exports", mine.id).rglob("*.age")
    )


def test_an_erasure_that_is_pointed_at_another_workspace_destroys_nothing(committing: None) -> None:
    mine, theirs = stage.workspace("saga-mine"), stage.workspace("saga-theirs")
    with scope.acting(TESTER):
        asked = erasure.request(mine.id, now=timezone.now(), delay=timedelta(0))
    before = [catalog.checksums(tenant.schema_name) for tenant in (mine, theirs)]
    pointed = point(asked.saga, theirs.id)
    assert (pointed.status, pointed.cursor) == (Saga.Status.FAILED, 0)
    assert [catalog.checksums(tenant.schema_name) for tenant in (mine, theirs)] == before


@pytest.mark.parametrize("cursor", [0, 1])
def test_an_erasure_whose_workspace_was_opened_again_destroys_nothing(committing: None, cursor: int) -> None:
    """The purge asks again, under lock (I12)."""
    mine = stage.workspace("saga-open")
    with scope.acting(TESTER):
        asked = erasure.request(mine.id, now=timezone.now(), delay=timedelta(0))
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=mine.pk).update(state=State.ACTIVE)
        Saga.objects.filter(pk=asked.saga).update(cursor=cursor)
    assert sagas.run(asked.saga).status in (Saga.Status.FAILED, Saga.Status.WAITING)
    with scope.tenant(mine.id):
        assert User.objects.count() == 1


def point(saga: UUID | None, tenant: UUID) -> Saga:
    with scope.shared():
        Saga.objects.filter(pk=saga).update(subject=tenant)
    assert saga
    return sagas.run(saga)


def test_a_sagas_job_names_it_and_runs_no_other_persons_work(acme: Cast) -> None:
    """The job of a saga is one of the shared schema: in a workspace's scope its table isn't even there."""
    with scope.shared():
        job = Job.objects.create(
            tenant_uuid=acme.id, purpose="tenants.saga", name="tenants.sagas.advance", args=[str(UUID(int=5))]
        )
    run(str(job.pk))
    drain()
    with scope.shared():
        assert Job.objects.get(pk=job.pk).state == "done", "there is no such saga: nothing to do"


# --- cache and files ---------------------------------------------------------------------------------------------


def test_a_cache_key_is_another_one_in_every_place(acme: Cast, zenith: Cast) -> None:
    everywhere = places(acme, zenith)
    for place, enter in everywhere.items():
        with enter():
            assert cache.get("word") is None
            assert cache.add("word", place) and cache.get_or_set("count", 0) == 0
            cache.set_many({"many": place})
            cache.incr("count")
    for place, enter in everywhere.items():
        with enter():
            assert (cache.get("word"), cache.get("count"), cache.get_many(["many"])) == (
                place,
                1,
                {"many": place},
            )
            for other in (acme.id, zenith.id, "app", "ops", "shared"):
                for guess in (f"{other}::1:word", f"../{other}::1:word", f":1:{other}::1:word"):
                    assert cache.get(guess) is None
    with acme.inside():
        cache.delete_many(["word", "many", "count"])
    with zenith.inside():
        assert cache.get("word") == "zenith"
        for key in ("word", "many", "count"):
            cache.delete(key)
    for place in ("app", "ops", "shared"):
        with everywhere[place]():
            cache.delete_many(["word", "many", "count"])
    for touch in (cache.get, cache.delete, cache.touch, lambda key: cache.set(key, 1)):
        with pytest.raises(scope.NoScope):
            touch("word")


def test_no_name_of_a_file_leads_to_another_workspace(acme: Cast, zenith: Cast) -> None:
    with zenith.inside():
        default_storage.save("kept/word.txt", ContentFile(b"zenith's"))
        theirs = default_storage.path("kept/word.txt")
    ways = [
        f"../{zenith.id}/kept/word.txt",
        theirs,
        f"kept/../../{zenith.id}/kept/word.txt",
        "../../keys/master.key",
        "..",
        "/etc/passwd",
    ]
    verbs: list[Callable[[str], Any]] = [
        default_storage.open, default_storage.delete, default_storage.size, default_storage.exists, default_storage.path,
        default_storage.listdir, default_storage.get_modified_time, lambda name: default_storage.save(name, ContentFile(b"x")),
    ]  # fmt: skip
    with acme.inside():
        for way in ways:
            for verb in verbs:
                with pytest.raises(SuspiciousFileOperation):
                    verb(way)
        assert not default_storage.exists("kept/word.txt")
        with pytest.raises(FileNotFoundError):
            default_storage.open("kept/word.txt")
    with pytest.raises(scope.NoScope):
        default_storage.exists("kept/word.txt")
    with zenith.inside():
        with default_storage.open("kept/word.txt") as file:
            assert file.read() == b"zenith's"
        default_storage.delete("kept/word.txt")
