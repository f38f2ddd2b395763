"""P32: something goes to a court only by an order that two operators have read, once, and is recorded.

How much of it goes: test_P32_scope.py. When the client is told: test_P32_telling.py.
"""

import ast
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.jobs import run as jobs_run
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.mail.models import Message
from shared_apps.sharing import jobs as sharing_jobs
from shared_apps.sharing.models import CannotShare, Order
from tenants import forgetting, orders
from tenants.archive import BadRecipient, age
from tenants.keys import KeyStore
from tenants.models import CannotAct
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, make_operator
from tests.sharing.conftest import KEY, again, confirm, facts, made, register
from tests.sharing.orders import TOMORROW, _files_go

__all__ = ["_files_go"]


# --- two operators --------------------------------------------------------------------------------------------


def ways_out(acme: Cast, otto: User, opal: User) -> list[str]:
    """Every verb that could give something of acme's to a court, tried without a confirmed order; those that did."""
    order, found = register(acme, otto), []

    def attempt(name: str, verb: Callable[[], Any]) -> None:
        try:
            with scope.shared(actor=TESTER), transaction.atomic():
                verb()
        except (CannotShare, CannotAct, DatabaseError, age.BadKeyText):
            pass
        with scope.shared():
            order_now = Order.objects.get(pk=order.pk)
            if order_now.made_at or default_storage.exists(sharing_jobs.given_name(order)):
                found.append(name)
        if order_now.confirmed_at:
            found.append(name)

    now, target = timezone.now(), io.BytesIO()
    key = str(KEY.to_public())
    attempt("carry_out", lambda: orders.carry_out.function(str(order.pk)))
    attempt("again", lambda: orders.again(order, now=now))
    attempt("give", lambda: orders.give(order, target, now=now))
    attempt("take", lambda: orders.take(order.pk, by=opal, now=now))
    attempt("confirm alone", lambda: orders.confirm(order, by=otto, recipient=key, now=now))
    raw = "UPDATE sharing_order SET confirmed_by_id = {}, confirmed_at = now(), recipient = '{}'"
    attempt("raw confirm", lambda: _execute(raw.format("registered_by_id", key)))
    attempt("raw made", lambda: _execute("UPDATE sharing_order SET made_at = now()"))
    return found + (["give wrote"] if target.getvalue() else [])


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_P32_without_a_confirmed_order_nothing_is_given(acme: Cast, otto: User, opal: User) -> None:
    assert ways_out(acme, otto, opal) == []


def test_P32_a_missing_wall_is_noticed(acme: Cast, otto: User, opal: User) -> None:
    """The planted fault: the database no longer asks for two people."""
    with scope.owner():
        _execute("ALTER TABLE public.sharing_order DROP CONSTRAINT sharing_order_two_operators")
    assert "raw confirm" in ways_out(acme, otto, opal)


def test_P32_the_database_takes_no_order_that_is_born_confirmed(acme: Cast, otto: User, opal: User) -> None:
    """By a row of one's own, and not by a change of somebody's, one person could be both; nobody may, not the owner."""
    order = register(acme, otto)
    names = [field.column for field in Order._meta.concrete_fields]

    def born(role: Callable[..., Any], *columns: str) -> None:
        given = dict.fromkeys(columns, "now()") | {"id": "gen_random_uuid()"}
        if columns == ("registered_at",):  # so that an account that is made after it was there before
            given["registered_at"] = "clock_timestamp() + interval '2 minutes'"
        if columns[:1] == ("confirmed_at",):
            given["confirmed_by_id"] = f"'{opal.pk}'::uuid"
        values = ", ".join(given.get(name, name) for name in names)
        with role(actor=TESTER), transaction.atomic():
            _execute(
                f"INSERT INTO sharing_order ({', '.join(names)}) SELECT {values} FROM sharing_order"
                f" WHERE id = '{order.pk}'"
            )

    born(scope.shared)
    for role, *columns in (
        (scope.shared, "confirmed_at"),
        (scope.owner, "confirmed_at", "made_at"),
        (scope.shared, "told_at"),
        (scope.shared, "taken_at"),
        (scope.shared, "registered_at"),
    ):
        with pytest.raises(DatabaseError) as refusal:
            born(role, *columns)
        assert getattr(refusal.value.__cause__, "pgcode", "") == "SH003", columns


def test_P32_only_the_verbs_that_were_reviewed_can_write_a_clients_data_out() -> None:
    """Who calls export.write: the client's own copy, the command on the server, and an order that was confirmed."""
    root, callers = Path(settings.BASE_DIR), set()
    for folder in ("config", "tenants", "shared_apps", "tenant_apps", "billing"):
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                is_write = isinstance(node, ast.Call) and ast.unparse(node.func) in (
                    "export.write",
                    "extract.write",
                    "shared_rows",
                )
                if is_write or (
                    isinstance(node, ast.Call)
                    and ast.unparse(node.func) == "write"
                    and path.name in ("export.py", "extract.py")
                ):
                    callers.add(str(path.relative_to(root)))
    assert callers == {
        "tenants/export.py",
        "tenants/orders.py",
        "tenants/management/commands/export_client.py",
    }


def test_P32_the_second_operator_is_somebody_else_and_gives_a_key(acme: Cast, otto: User, opal: User) -> None:
    order = register(acme, otto)
    with pytest.raises(CannotShare):
        confirm(order, otto)
    with scope.shared(actor=TESTER):
        for wrong in ("a long sentence to remember", "age1qqqq", "ssh-ed25519 AAAA"):
            with pytest.raises(BadRecipient):
                orders.confirm(order, by=opal, recipient=wrong, now=timezone.now())
    assert again(order).confirmed_at is None
    confirm(order, opal)
    with pytest.raises(CannotShare):
        confirm(again(order), opal)


def test_P32_who_came_after_an_order_was_registered_cannot_confirm_it(acme: Cast, otto: User) -> None:
    """A second account of one's own, made for the purpose."""
    order = register(acme, otto)
    own = make_operator("Otto Two")
    with pytest.raises(CannotShare, match="when it was registered"):
        confirm(order, own)
    raw = f"UPDATE sharing_order SET confirmed_by_id = '{own.pk}', confirmed_at = now(), recipient = '{KEY.to_public()}'"
    with pytest.raises(DatabaseError), scope.shared(actor=TESTER), transaction.atomic():
        _execute(raw)
    with scope.shared(actor=TESTER):
        later = Order.objects.get(pk=order.pk)
        own.reactivated_at = timezone.now()
        assert not own.was_inside(timezone.now() - TOMORROW) and later.confirmed_at is None


def test_P32_it_is_carried_out_once_and_fetched_once_by_who_confirmed(
    acme: Cast, otto: User, opal: User
) -> None:
    order = made(acme, otto, opal)
    with scope.acting(TESTER):
        orders.carry_out.function(str(order.pk))
    assert again(order).sha256 == order.sha256
    now = timezone.now()
    with scope.shared(actor=TESTER):
        with pytest.raises(CannotShare):
            orders.take(order.pk, by=otto, now=now)
        Message.objects.update(state=Message.State.SENT)  # the client was told
        _order, file = orders.take(order.pk, by=opal, now=now)
        file.close()
        with pytest.raises(CannotShare):
            orders.take(order.pk, by=opal, now=now)


def test_what_nobody_fetches_goes_after_seven_days(acme: Cast, otto: User, opal: User) -> None:
    order = made(acme, otto, opal)
    with scope.shared(actor=TESTER):
        orders.expire(timezone.now() + timedelta(days=6))
        assert default_storage.exists(sharing_jobs.given_name(order))
        orders.expire(timezone.now() + timedelta(days=8))
        assert not default_storage.exists(sharing_jobs.given_name(order))


def test_a_client_that_is_gone_ends_the_order_with_a_reason(acme: Cast, otto: User, opal: User) -> None:
    order = register(acme, otto)
    confirm(order, opal)
    with scope.shared(actor=TESTER), pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "give", lambda *a, **k: (_ for _ in ()).throw(CannotAct("It is gone.")))
        orders.carry_out.function(str(order.pk))
    assert again(order).state == "failed"
    with scope.shared(actor=TESTER):
        orders.again(again(order), now=timezone.now())
    with scope.acting(TESTER):
        orders.carry_out.function(str(order.pk))
    assert again(order).state == "made"


# --- the record -----------------------------------------------------------------------------------------------


def test_P32_the_record_is_signed_and_names_nobody(acme: Cast, otto: User, opal: User) -> None:
    order = made(acme, otto, opal)
    keys = KeyStore.default().public_keys()
    found = orders.verify(order.record, keys)
    assert found["sha256"] == order.sha256 and found["confirmed_by"] == str(opal.pk)
    assert not {"Otto", "Opal", "olga", "Acme"} & set(order.record.replace('"', " ").split())
    with pytest.raises(orders.BadRecord):
        orders.verify(order.record.replace("contact", "nothing"), keys)


@pytest.mark.parametrize(
    "change",
    [
        "authority = 'x'",
        "extent = 'everything'",
        "selection = '[]'",
        "client_uuid = gen_random_uuid()",
        "record = 'x'",
        "told_at = NULL",
        "confirmed_at = now()",
        "document_sha256 = repeat('0', 64)",
        "gag_until = NULL",
        "gag_until = gag_until + 9",
        "silences = silences || '[{}]'",
    ],
)
def test_P32_what_was_done_is_never_altered_nor_deleted(
    acme: Cast, otto: User, opal: User, change: str
) -> None:
    made(acme, otto, opal, **({"gag_until": timezone.localdate() + TOMORROW} if "gag" in change else {}))
    with scope.shared():
        jobs_run.drain()  # the client is told
    for sql in (f"UPDATE sharing_order SET {change}", "DELETE FROM sharing_order"):
        with pytest.raises(DatabaseError) as refusal, scope.shared(actor=TESTER), transaction.atomic():
            _execute(sql)
        assert getattr(refusal.value.__cause__, "pgcode", "") == "SH003"


def test_P32_the_record_outlives_the_client_and_goes_after_ten_years(
    acme: Cast, otto: User, opal: User
) -> None:
    order = made(acme, otto, opal)
    with scope.shared(actor=TESTER):
        kept = forgetting.kept_by_law(order.client_uuid, now=timezone.now())
        assert [one.what for one in kept] == ["sharing.Order", "files:orders"], "the certificate says so"
        assert kept[0].until == plus_months(day_of(order.registered_at), 120)
        assert kept[1].until and timedelta(days=7) <= kept[1].until - day_of(timezone.now()) <= timedelta(
            days=8
        )
        orders.expire(timezone.now() + timedelta(days=365 * 10 - 5))
        assert Order.objects.filter(pk=order.pk).exists()
        orders.expire(timezone.now() + timedelta(days=365 * 10 + 10))
        assert not Order.objects.filter(pk=order.pk).exists()
        assert not default_storage.exists(order.document.name or "")


def test_P32_the_certificate_names_an_order_that_waits_and_none_that_is_secret(
    acme: Cast, otto: User, opal: User
) -> None:
    made(acme, otto, opal, gag_until=timezone.localdate())
    assert forgetting.kept_by_law(acme.tenant.client_id, now=timezone.now()) == [], "neither it nor its file"
    register(acme, otto)
    kept = forgetting.kept_by_law(acme.tenant.client_id, now=timezone.now())
    assert [one.what for one in kept] == ["sharing.Order"]
    both = forgetting.kept_by_law(acme.tenant.client_id, now=timezone.now() + TOMORROW)
    assert [one.what for one in both] == ["sharing.Order", "files:orders"], "the silence is over"
    with scope.shared(actor=TESTER):
        orders.expire(timezone.now() + timedelta(days=8))
    both = forgetting.kept_by_law(acme.tenant.client_id, now=timezone.now() + TOMORROW)
    assert [one.what for one in both] == ["sharing.Order"]


# --- what is refused ------------------------------------------------------------------------------------------


def test_an_order_of_tomorrow_an_unknown_client_and_a_bad_document_are_refused(
    acme: Cast, otto: User
) -> None:
    def tried(client: Any, file: SimpleUploadedFile, **changes: Any) -> None:
        with scope.shared(actor=TESTER):
            Order.register(client=client, document=file, by=otto, now=timezone.now(), **facts(**changes))

    good, id = SimpleUploadedFile("order.txt", b"x"), acme.tenant.client_id
    with pytest.raises(CannotShare):
        tried(id, good, received_on=timezone.localdate() + TOMORROW)
    with pytest.raises(CannotShare):
        tried(acme.id, good)
    with pytest.raises(ValidationError):
        tried(id, SimpleUploadedFile("order.exe", b"MZ"))
    with pytest.raises(IntegrityError), transaction.atomic():
        tried(
            id, good, extent="everything", period_from=timezone.localdate(), period_until=timezone.localdate()
        )
    with scope.shared():
        assert not Order.objects.exists()
    folder = Path(settings.MEDIA_ROOT) / "shared" / "orders"
    assert not folder.exists() or list(folder.iterdir()) == []


# --- the pages ------------------------------------------------------------------------------------------------


def test_an_order_from_its_page_to_its_record(
    acme: Cast,
    otto: User,
    opal: User,
    browser: Callable[..., Browser],
    django_capture_on_commit_callbacks: Any,
) -> None:
    first, second = browser(OPS, otto), browser(OPS, opal)
    typed: dict[str, Any] = {
        "client": "acme", "authority": "Tribunal", "reference": "77", "received_on": str(timezone.localdate()),
        "extent": "contact", "document": SimpleUploadedFile("order.txt", b"It is ordered."),
    }  # fmt: skip
    assert (
        "No client matches"
        in first.post("/sharing/orders/new/", typed | {"client": "nobody"}).content.decode()
    )
    typed["document"].seek(0)
    page = first.post("/sharing/orders/new/", typed).headers["Location"]
    assert "another operator has to confirm" in first.get(page).content.decode()
    first.post(f"{page}confirm/", {"recipient": str(KEY.to_public())})
    with scope.shared():
        assert Order.objects.get().confirmed_at is None
    assert (
        "age key" in second.post(f"{page}confirm/", {"recipient": "my own passphrase, long"}).content.decode()
    )
    assert second.post(f"{page}confirm/", {"recipient": str(KEY.to_public())}).status_code == 302
    with scope.acting(TESTER), scope.shared():
        orders.carry_out.function(str(Order.objects.get().pk))
    assert first.post(f"{page}take/").status_code == 302, "only who confirmed"
    waiting = second.get(page).content.decode()
    assert "The client is told first" in waiting and "Fetch what is given" not in waiting
    with scope.shared(actor=TESTER):
        Message.objects.update(state=Message.State.SENT)
    assert "Fetch what is given" in second.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        taken: Any = second.post(f"{page}take/")
        sealed = b"".join(taken.streaming_content)
    assert json.loads(pyrage.decrypt(sealed, [KEY]))["contact_details"]["company"] == "Acme SRL"
    assert "Client told" in second.get(page).content.decode()
    record = first.get(f"{page}record/").content.decode()
    assert orders.verify(record, KeyStore.default().public_keys())["reference"] == "77"
    assert b"".join(first.get(f"{page}document/").streaming_content) == b"It is ordered."  # type: ignore[attr-defined]
