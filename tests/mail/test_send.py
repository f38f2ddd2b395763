"""Writing into the outbox: once per key, in the caller's transaction, nothing that begins another header."""

import ast
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from shared_apps import mail
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import UnknownName
from shared_apps.kit import scope
from shared_apps.kit.module import NoMailClass, UnknownPurpose, mail_class
from shared_apps.mail.models import Message
from tests.conftest import Cast
from tests.jobs.test_run import together
from tests.toys.fixtures import undone

pytestmark = pytest.mark.usefixtures("toys")
CONTEXT = {"name": "Zoé & Co", "text": "Come <in> & see.", "url": "https://acme.smoall.localhost/x/?a=1&b=2"}


def send(**changes: Any) -> Message:
    wanted: dict[str, Any] = {
        "purpose": "toys.write",
        "to": "zoe@client.test",
        "name": "Zoé",
        "language": "en",
        "template": "toys/hello",
        "context": CONTEXT,
        "key": "hello",
    }
    return mail.send(**(wanted | changes))


def test_a_mail_stands_in_the_outbox_of_its_tenant(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        send()
        assert Message.objects.count() == 1
    with zenith.inside():
        assert Message.objects.count() == 0
    with scope.shared():
        assert Message.objects.count() == 0
        assert Job.objects.get().tenant_uuid == acme.id


def test_the_first_line_is_the_subject_and_text_is_no_markup(acme: Cast) -> None:
    with acme.inside():
        message = send()
    assert message.subject == "Hello Zoé & Co"
    assert message.body == "Come <in> & see.\n\nhttps://acme.smoall.localhost/x/?a=1&b=2"


def test_the_same_key_is_the_same_mail(acme: Cast) -> None:
    with acme.inside():
        assert send().pk == send(to="other@client.test").pk
        assert send(key="another").pk != send().pk
    with scope.shared():
        assert Job.objects.count() == 2


def test_a_rolled_back_caller_leaves_neither_mail_nor_job(acme: Cast) -> None:
    with undone(), acme.inside():
        send()
    with acme.inside():
        assert not Message.objects.exists()
    with scope.shared():
        assert not Job.objects.exists()


def test_the_job_names_neither_address_nor_text(acme: Cast) -> None:
    with acme.inside():
        message = send()
    with scope.shared():
        assert Job.objects.get().args == [str(message.pk)]


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "zoe@client.test\nBcc: all@evil.test"},
        {"to": "zoe@client.test\r\nBcc: all@evil.test"},
        {"to": "zoe@client.test, all@evil.test"},
        {"to": "Zoé <zoe@client.test>"},
        {"to": ""},
        {"name": "Zoé\nBcc: all@evil.test"},
        {"name": "Zoé\u2028Bcc: all@evil.test"},
        {"name": "Zoé\x00"},
        {"headers": {"X-Toy": "a\nBcc: all@evil.test"}},
        {"headers": {"X-Toy: a\nBcc": "all@evil.test"}},
        {"headers": {"Bcc": "all@evil.test"}},
        {"headers": {"to": "all@evil.test"}},
        {"context": CONTEXT | {"name": "x\nBcc: all@evil.test"}},
        {"context": CONTEXT | {"name": "x\rBcc: all@evil.test"}},
        {"context": CONTEXT | {"name": "x\x0bBcc: all@evil.test"}},
        {"template": "toys/crammed"},
        {"template": "toys/gone"},
    ],
)
def test_what_could_begin_another_header_is_refused(acme: Cast, changes: dict[str, Any]) -> None:
    with acme.inside():
        with pytest.raises(mail.CannotSend) as refused:
            send(**changes)
        assert not Message.objects.exists()
    is_about_them = not changes.keys().isdisjoint({"to", "name"})
    assert isinstance(refused.value, mail.BadRecipient) is is_about_them, (
        "whoever tells many may pass over one"
    )


def test_a_name_with_marks_stays_one_recipient(acme: Cast) -> None:
    from shared_apps.mail.letter import letter

    with acme.inside():
        made = letter(send(name='"Zoé", <all@evil.test> ; x')).message()
    assert made["To"].addresses if hasattr(made["To"], "addresses") else True
    assert letter_recipients(made) == ["zoe@client.test"]


def letter_recipients(made: Any) -> list[str]:
    from email.utils import getaddresses

    return [address for _, address in getaddresses([str(made["To"])])]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Z" * 201},
        {"to": f"{'z' * 60}@{'client' * 35}.test"},
        {"key": "k" * 201},
        {"topic": "t" * 61},
    ],
)
def test_what_the_outbox_has_no_room_for_is_refused_and_the_transaction_goes_on(
    acme: Cast, changes: dict[str, Any]
) -> None:
    with acme.inside():
        with pytest.raises(mail.CannotSend) as refused:
            send(**changes)
        assert isinstance(refused.value, mail.BadRecipient) is bool(changes.keys() & {"to", "name"})
        assert send().state == Message.State.QUEUED


def test_P17_a_mail_without_a_declared_purpose_is_refused(acme: Cast) -> None:
    with acme.inside():
        with pytest.raises(UnknownPurpose):
            send(purpose="toys.spam")
        assert not Message.objects.exists()


def test_P17_a_purpose_that_says_nothing_of_mails_sends_none(acme: Cast) -> None:
    """Nobody could say whether it may be refused."""
    with acme.inside():
        with pytest.raises(NoMailClass, match=r"toys\.work"):
            send(purpose="toys.work")
        assert not Message.objects.exists()


def test_P17_every_mail_that_the_program_sends_names_a_purpose_that_has_a_class() -> None:
    """The calls of mail.send in the source, and those of the functions that hand a purpose on."""
    root, found = Path(__file__).parents[2], {}
    for folder in ("config", "tenants", "billing", "shared_apps", "tenant_apps"):
        for path in (root / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "mail.send":
                    said = {keyword.arg: keyword.value for keyword in call.keywords}
                    assert "purpose" in said, f"{path}:{call.lineno}"
                    found[f"{path.relative_to(root)}:{call.lineno}"] = said["purpose"]
    named = {str(one.value) for one in found.values() if isinstance(one, ast.Constant)}
    assert len(found) > 8 and named
    handed_on = {"accounts.reset", "accounts.email", "accounts.invitation", "sign_up.confirm", "sign_up.ready",
                 "tenants.leaving", "tenants.contact"}  # fmt: skip
    for purpose in named | handed_on:
        assert mail_class(purpose) in ("transactional", "service", "information", "policy")
    assert {mail_class(purpose) for purpose in ("accounts.reset", "sign_up.confirm")} == {"transactional"}
    assert {mail_class(purpose) for purpose in ("tenants.erasure", "tenants.export")} == {"service"}


def test_the_same_key_from_two_transactions_at_once_is_one_mail(committed: tuple[Cast, Cast]) -> None:
    """The second waits for the first: its row when that commits, one of its own when that is undone."""
    acme, _ = committed
    for is_undone, expected in ((False, 1), (True, 1)):
        key, inside, found = f"once {is_undone}", threading.Event(), []

        def first(key: str = key, inside: threading.Event = inside, is_undone: bool = is_undone) -> None:
            with acme.inside():
                send(key=key, to="first@client.test")
                inside.set()
                time.sleep(0.3)
                if is_undone:
                    transaction.set_rollback(True)

        def second(key: str = key, inside: threading.Event = inside, found: list[str] = found) -> None:
            inside.wait(5)
            with acme.inside():
                found.append(send(key=key, to="second@client.test").to_address)

        together([first, second])
        assert found == ["second@client.test" if is_undone else "first@client.test"]
        with acme.inside():
            assert Message.objects.filter(key=key).count() == expected
    with scope.shared():
        assert Job.objects.count() == 2


def test_only_a_marked_check_can_be_named(acme: Cast) -> None:
    with acme.inside():
        for wanted in ("tests.toys.checks.not_marked", "os.system", "tests.toys.checks.gone"):
            with pytest.raises(UnknownName):
                send(wanted=wanted)
        assert send(wanted="tests.toys.checks.is_wanted").wanted == "tests.toys.checks.is_wanted"


def test_without_a_scope_nothing_is_sent(db: None) -> None:
    with pytest.raises(scope.NoScope):
        send()


def test_the_html_has_the_text_and_nothing_to_fetch(acme: Cast) -> None:
    from shared_apps.mail.letter import as_html

    with acme.inside():
        html = as_html(send())
    assert "Come &lt;in&gt; &amp; see." in html
    assert 'href="https://acme.smoall.localhost/x/?a=1&amp;b=2"' in html
    for fetched in ("src=", "<script", "style=", "url(", "@import", "<link"):
        assert fetched not in html


def test_a_long_link_is_shown_without_its_token_and_leads_there_whole(acme: Cast) -> None:
    from shared_apps.mail.letter import as_html

    link = f"https://acme.smoall.localhost/sign-up/{'token' * 30}/"
    with acme.inside():
        html = as_html(send(context=CONTEXT | {"url": link}))
    assert f'href="{link}"' in html
    assert ">acme.smoall.localhost/sign-up/…<" in html.replace("<b>", "").replace("</b>", "")
