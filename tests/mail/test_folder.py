"""Mail in development: files, and the page that shows them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps import mail
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.mail.delivery import tidy_here
from shared_apps.mail.models import Message
from tests.conftest import Cast
from tests.mail.test_send import send

pytestmark = pytest.mark.usefixtures("toys")
BACKEND = "shared_apps.mail.backend.FolderBackend"
Open = Callable[..., Browser]


@pytest.fixture
def folder() -> Iterator[Path]:
    with override_settings(EMAIL_BACKEND=BACKEND):
        yield Path(settings.SMOALL_DATA) / "mails"


@pytest.fixture
def written(acme: Cast, folder: Path) -> Message:
    with acme.inside():
        message = send()
    drain()
    return message


def test_a_file_goes_with_its_row(acme: Cast, folder: Path, written: Message) -> None:
    """No erasure would find it: only the row knew whom the mail was for."""
    file = folder / str(acme.id) / f"{written.pk}.eml"
    with acme.inside():
        tidy_here(timezone.now() + timedelta(days=29))
        assert file.exists()
        tidy_here(timezone.now() + timedelta(days=31))
    assert not file.exists()


def test_each_mail_is_a_file_in_its_tenants_folder(acme: Cast, folder: Path, written: Message) -> None:
    file = folder / str(acme.id) / f"{written.pk}.eml"
    assert b"Message-ID: <" + str(written.pk).encode() in file.read_bytes()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [other.name for other in file.parent.iterdir() if other.suffix == ".part"] == []


def test_mails_of_the_shared_outbox_stand_with_their_client_or_in_shared(acme: Cast, folder: Path) -> None:
    with scope.shared():
        about, alone = send(key="a", about=acme.id), send(key="b")
    drain()
    assert (folder / str(acme.id) / f"{about.pk}.eml").is_file()
    assert (folder / "shared" / f"{alone.pk}.eml").is_file()


def test_purging_removes_the_folder(acme: Cast, folder: Path, written: Message) -> None:
    mail.purge(acme.id)
    assert not (folder / str(acme.id)).exists()


def test_the_page_lists_mails_and_shows_one_with_link(acme: Cast, written: Message, browser: Open) -> None:
    visitor = browser("app.smoall.localhost")
    address = f"/mails/{acme.id}/{written.pk}/"
    listing = visitor.get("/mails/").content.decode()
    assert address in listing
    assert "Hello Zoé &amp; Co" in listing
    page = visitor.get(address).content.decode()
    assert 'href="https://acme.smoall.localhost/x/?a=1&amp;b=2"' in page
    assert "Come &lt;in&gt; &amp; see." in page


def test_there_is_no_such_page_where_mails_are_sent(written: Message, acme: Cast, browser: Open) -> None:
    visitor = browser("app.smoall.localhost")
    addresses = ["/mails/", f"/mails/{acme.id}/{written.pk}/"]
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend"):
        assert [visitor.get(address).status_code for address in addresses] == [404, 404]
    with override_settings(SMOALL_IS_PRODUCTION=True):
        assert [visitor.get(address).status_code for address in addresses] == [404, 404]


def test_no_other_host_has_that_page(acme: Cast, written: Message, browser: Open) -> None:
    for host in ("smoall.localhost", acme.host):
        assert browser(host).get("/mails/").status_code in (403, 404)
    for host in ("smoall.localhost", "ops.smoall.localhost", acme.host):
        assert browser(host).get(f"/mails/{acme.id}/{written.pk}/").status_code in (403, 404)


@pytest.mark.parametrize(
    "path", ["shared/../secrets", "..%2f..%2fsecrets.json", "%2e%2e/01890000-0000-7000-8000-000000000000"]
)
def test_no_other_file_can_be_read(folder: Path, browser: Open, db: None, path: str) -> None:
    assert browser("app.smoall.localhost").get(f"/mails/{path}/").status_code == 404
