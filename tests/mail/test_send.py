"""Writing into the outbox: once per key, in the caller's transaction, nothing that begins another header."""

from typing import Any

import pytest

from shared_apps import mail
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import UnknownName
from shared_apps.kit import scope
from shared_apps.kit.module import UnknownPurpose
from shared_apps.mail.models import Message
from tests.conftest import Cast
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
        with pytest.raises(mail.CannotSend):
            send(**changes)
        assert not Message.objects.exists()


def test_a_name_with_marks_stays_one_recipient(acme: Cast) -> None:
    from shared_apps.mail.letter import letter

    with acme.inside():
        made = letter(send(name='"Zoé", <all@evil.test> ; x')).message()
    assert made["To"].addresses if hasattr(made["To"], "addresses") else True
    assert letter_recipients(made) == ["zoe@client.test"]


def letter_recipients(made: Any) -> list[str]:
    from email.utils import getaddresses

    return [address for _, address in getaddresses([str(made["To"])])]


def test_an_undeclared_purpose_is_refused(acme: Cast) -> None:
    with acme.inside(), pytest.raises(UnknownPurpose):
        send(purpose="toys.spam")


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
