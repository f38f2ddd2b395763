"""P22, P23: after the password comes a second factor that can't be guessed, used twice or carried elsewhere."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import CannotChange, RecoveryCodes, Session, SignIn, Totp, User, factor
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope, sealing
from shared_apps.mail.models import Message
from tenants import export
from tests.accounts.conftest import NEW, OPS, ledger
from tests.conftest import PASSWORD, TESTER, Cast, next_code, protect

Open = Callable[..., Browser]
SECOND = "/sign-in/second/"


@pytest.fixture
def olga(acme: Cast) -> User:
    """The owner, with an app for codes."""
    with acme.inside():
        protect(acme.owner)
    return acme.owner


def at_the_second(cast: Cast, person: User, browser: Open) -> Browser:
    """A browser where the password was right."""
    here = browser(cast)
    answer = here.post("/sign-in/", {"email": person.email, "password": PASSWORD})
    assert answer.headers["Location"] == SECOND
    return here


def code_of(cast: Cast, person: User) -> str:
    with cast.inside():
        return next_code(person)


def is_in(here: Browser) -> bool:
    return here.get("/me/").status_code == 200


# --- codes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    secret, now = b"12345678901234567890", datetime.fromtimestamp(seconds, UTC)
    assert factor.code_at(secret, seconds // 30) == code
    for drift in (-30, 0, 30):
        assert factor.step_of(secret, code, now=now + timedelta(seconds=drift)) == seconds // 30
    for drift in (-90, 90):
        assert factor.step_of(secret, code, now=now + timedelta(seconds=drift)) is None


def test_P23_the_password_alone_opens_nothing_once_there_is_a_second_factor(
    acme: Cast, olga: User, browser: Open
) -> None:
    here = at_the_second(acme, olga, browser)
    assert not is_in(here)
    assert ledger(acme, olga) == []
    with acme.inside():
        assert not Session.objects.exclude(user=None).exists()
    assert "This code is not right" in here.post(SECOND, {"code": "000000"}).content.decode()
    assert not is_in(here)
    assert here.post(SECOND, {"code": code_of(acme, olga)}).headers["Location"] == "/"
    assert is_in(here)
    assert ledger(acme, olga) == [("", False)]


def test_the_way_leads_back_to_the_page_that_was_asked_for_and_never_elsewhere(
    acme: Cast, olga: User, browser: Open
) -> None:
    for wanted, found in (("/contacts/?q=a", "/contacts/?q=a"), ("//evil.test/", "/")):
        here = browser(acme)
        answer = here.post("/sign-in/", {"email": olga.email, "password": PASSWORD, "next": wanted})
        body = {"code": code_of(acme, olga), "next": wanted}
        assert here.post(answer.headers["Location"], body).headers["Location"] == found


def test_a_code_is_good_once_and_so_is_none_before_it(acme: Cast, olga: User, browser: Open) -> None:
    code = code_of(acme, olga)
    assert at_the_second(acme, olga, browser).post(SECOND, {"code": code}).status_code == 302
    assert at_the_second(acme, olga, browser).post(SECOND, {"code": code}).status_code == 200
    with acme.inside():
        secret, now = Totp.objects.get(user=olga).secret(), timezone.now()
        before = factor.code_at(secret, int(now.timestamp()) // 30 - 1)
        assert not Totp.takes(olga, before, now=now)
        assert Totp.takes(olga, factor.code_at(secret, int(now.timestamp()) // 30 + 1), now=now)


def test_guesses_are_counted_by_account_and_slowed_down(acme: Cast, olga: User, browser: Open) -> None:
    here = at_the_second(acme, olga, browser)
    for _each in range(5):
        here.post(SECOND, {"code": "000000"})
    fresh = at_the_second(acme, olga, browser)
    answer = fresh.post(SECOND, {"code": code_of(acme, olga)})
    assert answer.status_code == 429 and "Too many attempts" in answer.content.decode()
    assert not is_in(fresh)


def test_ten_minutes_after_the_password_it_must_be_given_again(
    acme: Cast, olga: User, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, began = at_the_second(acme, olga, browser), timezone.now()
    code = code_of(acme, olga)
    monkeypatch.setattr(timezone, "now", lambda: began + timedelta(minutes=10, seconds=1))
    assert here.post(SECOND, {"code": code}).headers["Location"] == "/sign-in/"
    assert not is_in(here)


@pytest.mark.parametrize("change", ["password", "deactivated"])
def test_a_changed_password_or_state_ends_the_wait(
    acme: Cast, olga: User, browser: Open, change: str
) -> None:
    here, code = at_the_second(acme, olga, browser), code_of(acme, olga)
    with acme.inside():
        if change == "password":
            User.objects.get(pk=olga.pk).change_password(NEW, now=timezone.now())
        else:
            User.objects.filter(pk=olga.pk).update(deactivated_at=timezone.now())
    assert here.post(SECOND, {"code": code}).headers["Location"] == "/sign-in/"


def test_I6_the_wait_of_one_workspace_is_worth_nothing_in_another(
    acme: Cast, zenith: Cast, olga: User, browser: Open
) -> None:
    here = at_the_second(acme, olga, browser)
    there = browser(zenith)
    there.cookies = here.cookies
    assert there.post(SECOND, {"code": code_of(acme, olga)}).headers["Location"] == "/sign-in/"


def test_without_a_password_the_page_leads_to_the_sign_in(acme: Cast, browser: Open) -> None:
    assert browser(acme).get(SECOND).headers["Location"] == "/sign-in/"


@pytest.mark.parametrize("typed", ["", "x", "{", "{}", '{"id": 1}', "[]", "\0", "9" * 30_000, "１２３４５６"])
def test_whatever_is_typed_is_at_most_one_more_wrong_code(
    acme: Cast, olga: User, browser: Open, typed: str
) -> None:
    here = at_the_second(acme, olga, browser)
    assert here.post(SECOND, {"code": typed}).status_code == 200
    assert not is_in(here)


# --- recovery codes ---------------------------------------------------------------------------------------


def test_each_recovery_code_opens_once_and_the_history_counts_them(
    acme: Cast, olga: User, browser: Open
) -> None:
    with acme.inside():
        made = RecoveryCodes.renew(olga, now=timezone.now())
    assert len(set(made)) == 10
    here = at_the_second(acme, olga, browser)
    assert here.post(SECOND, {"code": made[3]}).status_code == 302 and is_in(here)
    assert "9 codes are left" in here.get("/me/factors/").content.decode()
    assert at_the_second(acme, olga, browser).post(SECOND, {"code": made[3]}).status_code == 200
    with acme.inside():
        assert RecoveryCodes.objects.get(user=olga).left == 9
        entry = LogEntry.objects.filter(content_type__model="recoverycodes").order_by("-id").first()
        assert entry and entry.actor_id == str(olga.pk) and entry.changes["left"] == ["10", "9"]
        RecoveryCodes.renew(olga, now=timezone.now())
        assert not RecoveryCodes.takes(olga, made[0].replace("-", ""))


# --- what is stored ---------------------------------------------------------------------------------------


def everything(cast: Cast) -> str:
    with scope.owner(tenant=cast.id), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [cast.tenant.schema_name])
        text = ""
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            text += "\n".join(row[0] for row in cursor.fetchall())
    return text


def test_neither_secret_nor_codes_are_in_any_table(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.owner)
    page = here.get("/me/factors/app/").content.decode()
    secret = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page)
    assert secret
    typed = secret[1].replace(" ", "")
    assert typed not in everything(acme)
    raw = base64.b32decode(typed)
    answer = here.post(
        "/me/factors/app/", {"code": factor.code_at(raw, int(timezone.now().timestamp()) // 30)}
    )
    made = re.findall(r"\d{4}-\d{4}-\d{4}-\d{4}", answer.content.decode())
    assert len(made) == 10 and answer.headers["Cache-Control"] == "no-store"
    text = everything(acme)
    assert typed not in text and raw.hex() not in text
    assert not any(code in text or code.replace("-", "") in text for code in made)
    assert made[0] not in here.get("/me/factors/").content.decode()
    with acme.inside():
        hidden = {"sealed", "last_step", "hashes", "public_key", "credential_id", "sign_count"}
        assert not any(hidden & set(entry.changes) for entry in LogEntry.objects.all())
        sent = Message.objects.get(purpose="accounts.factor")
    assert sent.to_address == acme.owner.email and "second factor" in sent.subject


def test_a_sealed_secret_opens_only_in_its_own_row_and_workspace(
    acme: Cast, zenith: Cast, olga: User
) -> None:
    with acme.inside():
        app = Totp.objects.get(user=olga)
        assert len(app.secret()) == 20
        with pytest.raises(sealing.BadSeal):
            sealing.unseal(app.sealed, purpose=f"accounts.totp:{acme.admin.pk}")
    for broken in (app.sealed[:-6] + "AAAAAA", "", "?", "A" * 40):
        with acme.inside(), pytest.raises(sealing.BadSeal):
            sealing.unseal(broken, purpose=f"accounts.totp:{olga.pk}")
    with zenith.inside(), pytest.raises(sealing.BadSeal):
        sealing.unseal(app.sealed, purpose=f"accounts.totp:{olga.pk}")


def test_no_factor_leaves_with_an_export(acme: Cast) -> None:
    from tenants.schemas import snapshot

    with scope.shared():
        leaving = {table for table, _columns in export.exported_tables(snapshot.current())}
    assert not {table for table in leaving if re.search(r"totp|passkey|recovery", table)}
    assert export.secret_columns()["accounts_totp"] == {"sealed"}


# --- one's own pages --------------------------------------------------------------------------------------


def set_up(here: Browser) -> Any:
    page = here.get("/me/factors/app/").content.decode()
    raw = base64.b32decode(re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page)[1].replace(" ", ""))  # type: ignore[index]
    return here.post("/me/factors/app/", {"code": factor.code_at(raw, int(timezone.now().timestamp()) // 30)})


def test_setting_up_an_app_shows_a_picture_and_a_secret_and_ends_other_sessions(
    acme: Cast, browser: Open
) -> None:
    other, here = browser(acme, acme.owner), browser(acme, acme.owner)
    page = here.get("/me/factors/app/").content.decode()
    assert "<svg" in page and "otpauth://totp/" in page and "style=" not in page.split("<main")[1]
    assert (
        here.get("/me/factors/app/").content.decode().count(re.search(r"<code[^>]*>(.+?)</code>", page)[1])
        == 1
    )  # type: ignore[index]
    assert "This code is not right" in here.post("/me/factors/app/", {"code": "000000"}).content.decode()
    assert "recovery codes" in set_up(here).content.decode()
    assert is_in(here) and not is_in(other)
    assert here.get("/me/factors/app/").status_code == 302


def test_factors_change_only_within_ten_minutes_of_a_proof(
    acme: Cast, olga: User, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, began = browser(acme, olga), timezone.now()
    code = code_of(acme, olga)
    monkeypatch.setattr(timezone, "now", lambda: began + timedelta(minutes=11))
    for address in ("app/remove/", "codes/"):
        assert here.post(f"/me/factors/{address}").headers["Location"].startswith("/me/factors/prove/")
    with acme.inside():
        assert Totp.objects.filter(user=olga).exists()
    page = here.get("/me/factors/prove/").content.decode()
    assert "Present password" in page and 'name="code"' in page
    assert here.post("/me/factors/prove/", {"current": PASSWORD, "code": "000000"}).status_code == 200
    assert here.post("/me/factors/app/remove/").headers["Location"].startswith("/me/factors/prove/")
    monkeypatch.setattr(timezone, "now", lambda: began)
    body = {"current": PASSWORD, "code": code, "next": "/me/factors/"}
    assert here.post("/me/factors/prove/", body).headers["Location"] == "/me/factors/"
    assert here.post("/me/factors/app/remove/").headers["Location"] == "/me/factors/"
    with acme.inside():
        assert not Totp.objects.filter(user=olga).exists()
    assert browser(acme, olga).get("/me/").status_code == 200  # the password is enough again


def test_sensitive_forms_ask_for_the_second_factor_too(acme: Cast, olga: User, browser: Open) -> None:
    here = browser(acme, olga)
    for address, body in (
        ("/me/password/", {"current": PASSWORD, "password": NEW}),
        ("/me/email/", {"current": PASSWORD, "email": "new@acme.test"}),
        ("/workspace/erase/", {"current": PASSWORD, "typed_name": "acme"}),
    ):
        assert 'name="code"' in here.get(address).content.decode(), address
        assert here.post(address, body).status_code == 200, address
        assert here.post(address, {**body, "code": "000000"}).status_code == 200, address
    with acme.inside():
        assert User.objects.get(pk=olga.pk).check_password(PASSWORD)
    body = {"current": PASSWORD, "password": NEW, "code": code_of(acme, olga)}
    assert here.post("/me/password/", body).status_code == 302


def test_a_recovery_code_is_not_spent_on_a_form_with_another_mistake(
    acme: Cast, olga: User, browser: Open
) -> None:
    here = browser(acme, olga)
    with acme.inside():
        made = RecoveryCodes.renew(olga, now=timezone.now())
    here.post("/me/password/", {"current": "wrong", "password": NEW, "code": made[0]})
    here.post("/me/password/", {"current": PASSWORD, "password": "short", "code": made[0]})
    with acme.inside():
        assert RecoveryCodes.objects.get(user=olga).left == 10


# --- losing it --------------------------------------------------------------------------------------------


def test_an_owner_resets_a_colleagues_factor_and_nobody_else_does(acme: Cast, browser: Open) -> None:
    with acme.inside():
        protect(acme.colleague)
        RecoveryCodes.renew(acme.colleague, now=timezone.now())
    theirs = browser(acme, acme.colleague)
    address = f"/team/{acme.colleague.pk}/reset-factors/"
    browser(acme, acme.admin).post(address)
    with acme.inside():
        assert Totp.objects.filter(user=acme.colleague).exists()
    owner = browser(acme, acme.owner)
    assert "reset-factors" in owner.get(f"/team/{acme.colleague.pk}/").content.decode()
    assert owner.post(address).status_code == 302
    assert not is_in(theirs)
    assert is_in(browser(acme, acme.colleague))
    with acme.inside():
        assert not Totp.objects.exists() and not RecoveryCodes.objects.exists()
        entry = LogEntry.objects.filter(content_type__model="totp", action=2).get()
        assert entry.actor_id == str(acme.owner.pk)
        assert Message.objects.filter(purpose="accounts.factor", to_address=acme.colleague.email).exists()
        with pytest.raises(CannotChange):
            acme.owner.reset_factors(by=acme.owner, now=timezone.now())


# --- operators --------------------------------------------------------------------------------------------


@pytest.fixture
def bare(db: None) -> User:
    """An operator without a second factor."""
    from shared_apps.accounts.models import Kind
    from shared_apps.kit.module import OWNER

    with scope.shared(actor=TESTER):
        person: User = User.objects.create_user(
            email="bo@smoall.test",
            name="Bo",
            kind=Kind.OPERATOR,
            role=OWNER,
            password=PASSWORD,
            language="en",
        )
    return person


def test_P22_an_operator_without_a_second_factor_opens_nothing_but_the_page_to_set_one_up(
    bare: User, browser: Open
) -> None:
    here = browser(OPS, bare)
    for address in ("/", "/clients/", "/me/", "/me/sessions/", "/operators/", "/me/password/"):
        assert here.get(address).headers["Location"] == "/me/factors/", address
    assert here.post("/health/inspect/").headers["Location"] == "/me/factors/"
    assert "Operators work with a second factor" in here.get("/me/factors/").content.decode()
    set_up(here)
    assert here.get("/me/").status_code == 200
    answer = here.post("/me/factors/app/remove/")
    assert answer.headers["Location"] == "/me/factors/"
    with scope.shared():
        assert Totp.objects.filter(user=bare).exists(), "operators keep one factor at least"


def test_P22_a_session_from_before_the_second_factor_is_ended(bare: User, browser: Open) -> None:
    here = browser(OPS, bare)
    with scope.shared(actor=TESTER):
        protect(bare)  # behind the pages, which would have ended it already
    assert here.get("/clients/").headers["Location"].startswith("/sign-in/")
    with scope.shared():
        assert not SignIn.objects.open().filter(user=bare).exists()
