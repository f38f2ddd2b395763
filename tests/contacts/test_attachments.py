"""Files of a contact: what is kept, what is refused, how it is handed out, and that no picture says where it was taken."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from shared_apps.kit import uploads
from tenant_apps.contacts.models import Attachment, Contact
from tests.conftest import Cast

Maker = Callable[..., Contact]
CANARY = "Canary-Camera-4711"
WAVRE = (50, 43, 1)
PDF = b"%PDF-1.4\n%%EOF\n"


def photograph(kind: str, *, turned: bool = False, size: tuple[int, int] = (40, 20)) -> bytes:
    """A picture with everything that cameras and editors hide in one."""
    picture = Image.new("RGB", size, "teal")
    exif = Image.Exif()
    exif[0x010F] = CANARY
    exif[0x0112] = 6 if turned else 1
    exif.get_ifd(0x8825).update({1: "N", 2: tuple(IFDRational(part) for part in WAVRE), 29: CANARY})
    how: dict[str, Any] = {"exif": exif}
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_text("Comment", CANARY)
        text.add_itxt("XML:com.adobe.xmp", f"<x>{CANARY}</x>")
        how["pnginfo"] = text
    elif kind == "GIF":
        how = {"comment": CANARY.encode()}
    else:
        how["xmp"] = f"<x:xmpmeta>{CANARY}</x:xmpmeta>".encode()
        if kind == "JPEG":
            how["comment"] = CANARY.encode()
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue() + (
        CANARY.encode() if kind == "JPEG" else b""
    )  # as moving pictures of telephones do


def attach(cast: Cast, browser: Callable[..., Any], row: Contact, *files: tuple[str, bytes]) -> Any:
    chosen = [SimpleUploadedFile("x", content, "application/evil") for _name, content in files]
    for upload, (name, _content) in zip(chosen, files, strict=True):
        upload._name = name  # type: ignore[attr-defined]  # past Django's own cleaning: as hostile as it gets
    return browser(cast, cast.colleague).post(f"/contacts/{row.id}/attach/", {"chosen": chosen}, follow=True)


def kept(cast: Cast) -> list[Attachment]:
    with cast.inside():
        return list(Attachment.objects.order_by("created_at"))


def stored_bytes(cast: Cast) -> bytes:
    folder = Path(settings.MEDIA_ROOT) / str(cast.id) / "contacts"
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_file_is_kept_and_handed_out_for_saving_only(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    attach(acme, browser, row, ("Contrat été 2025.pdf", PDF))
    [attachment] = kept(acme)
    answer = browser(acme, acme.colleague).get(f"/contacts/{row.id}/attachments/{attachment.id}/")
    assert b"".join(answer.streaming_content) == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (
        "Contrat été 2025.pdf" in browser(acme, acme.colleague).get(f"/contacts/{row.id}/").content.decode()
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("turned", [False, True])
def test_P12_no_picture_says_where_or_by_what_it_was_taken(
    acme: Cast, contact: Maker, browser: Callable[..., Any], kind: str, turned: bool
) -> None:
    original = photograph(kind, turned=turned)
    assert CANARY.encode() in original
    row = contact("Garage Peeters")
    attach(acme, browser, row, (f"photo.{kind.lower()}", original))
    [attachment] = kept(acme)
    with acme.inside():
        content = attachment.file.read()
    assert CANARY.encode() not in content and CANARY.encode() not in stored_bytes(acme)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == kind and not picture.getexif() and not picture.getexif().get_ifd(0x8825)
        assert "comment" not in picture.info and "xmp" not in picture.info
        is_upright = turned and kind != "GIF"
        assert picture.size == ((20, 40) if is_upright else (40, 20))


def test_P12_a_moving_picture_keeps_its_frames_and_nothing_else(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=[50, 60, 70], comment=CANARY.encode()
    )
    attach(acme, browser, contact("Garage"), ("film.gif", out.getvalue()))
    assert CANARY.encode() not in stored_bytes(acme)
    with acme.inside(), Image.open(kept(acme)[0].file) as picture:
        assert picture.n_frames == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.txt", photograph("JPEG")),  # a picture by another name would keep its place
        ("photo.pdf", photograph("PNG")),
        ("photo.jpg", PDF),
        ("photo.jpg", photograph("JPEG")[:200]),
        ("photo.png", photograph("JPEG")),
        ("photo.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40),
        ("photo.txt", b"\0\0\0\x18ftypheic" + b"\0" * 40),
        ("scan.tiff", b"II*\0" + b"\0" * 40),
        ("page.html", b"<script>alert(1)</script>"),
        ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("virus.exe", b"MZ"),
        ("noextension", b"hello"),
        ("fake.docx", b"<html>"),
        ("empty.txt", b""),
        (".htaccess", b"x"),
    ],
)
def test_what_is_not_what_it_says_or_cannot_be_cleaned_is_refused(
    acme: Cast, contact: Maker, browser: Callable[..., Any], name: str, content: bytes
) -> None:
    before = stored_bytes(acme)
    answer = attach(acme, browser, contact("Garage"), (name, content))
    assert b"toast-danger" in answer.content
    assert kept(acme) == [] and stored_bytes(acme) == before


def test_too_much_is_refused_before_it_is_opened(
    acme: Cast, contact: Maker, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = contact("Garage")
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "MOST_PIXELS", 100)
        assert b"too many pixels" in attach(acme, browser, row, ("big.png", photograph("PNG"))).content
    content = b"x" * (uploads.MOST_BYTES + 1)
    assert b"is too big" in attach(acme, browser, row, ("big.txt", content)).content
    assert kept(acme) == []


def film(count: int, kind: str = "GIF") -> bytes:
    frames = [Image.new("L", (1, 1), 255 * (number % 2)) for number in range(count)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_film_of_very_many_tiny_frames_is_refused(kind: str) -> None:
    name = f"film.{kind.lower()}"

    def accepted(count: int) -> Any:
        return uploads.accept(SimpleUploadedFile(name, film(count, kind)))

    assert accepted(uploads.MOST_FRAMES).name == name
    with pytest.raises(ValidationError, match="more than 500 frames"):
        accepted(uploads.MOST_FRAMES + 1)


def test_a_frame_that_is_larger_than_the_first_counts_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a GIF each frame says its own size: eight bytes in its descriptor."""
    content = film(3)
    place = content.rindex(b"," + bytes(4) + b"\1\0\1\0")
    content = content[: place + 5] + b"\x40\0\x40\0" + content[place + 9 :]
    monkeypatch.setattr(uploads, "MOST_PIXELS", 1000)
    with pytest.raises(ValidationError, match="too many pixels"):
        uploads.accept(SimpleUploadedFile("film.gif", content))


def test_of_several_files_one_refused_refuses_all(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    before = stored_bytes(acme)
    attach(acme, browser, contact("Garage"), ("good.pdf", PDF), ("bad.exe", b"MZ"))
    assert kept(acme) == [] and stored_bytes(acme) == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("/absolute.txt", "absolute.txt"),
        ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie x=1.txt"),
        ('quo"te;.txt', "quo te;.txt"),
        ("nul\0byte.txt", "nul byte.txt"),
        ("gpj\u202etxt.txt", "gpj txt.txt"),
        ("....a.txt", "a.txt"),
        ("x" * 300 + ".txt", "x" * 146 + ".txt"),
        ("été\u0301.txt", "été\u0301.txt"),
    ],
)
def test_hostile_names_steer_neither_a_path_nor_a_header(
    acme: Cast, contact: Maker, browser: Callable[..., Any], name: str, shown: str
) -> None:
    assert uploads.clean_name(name) == shown
    row = contact("Garage")
    with acme.inside():
        upload = SimpleUploadedFile("x", b"hello")
        upload._name = name  # type: ignore[attr-defined]
        attachment = Attachment.attach(row, upload, by=acme.owner, now=timezone.now())
    assert attachment.file.name == f"contacts/attachments/{attachment.id}"
    answer = browser(acme, acme.colleague).get(f"/contacts/{row.id}/attachments/{attachment.id}/")
    header = answer.headers["Content-Disposition"]
    assert (
        header.startswith("attachment")
        and "\r" not in header
        and "\n" not in header
        and "Set-Cookie" not in answer.cookies
    )


def test_a_removed_file_is_gone_from_the_disk(
    acme: Cast, contact: Maker, browser: Callable[..., Any], django_capture_on_commit_callbacks: Any
) -> None:
    row = contact("Garage")
    attach(acme, browser, row, ("note.txt", b"unmistakable words"))
    [attachment] = kept(acme)
    url = f"/contacts/{row.id}/attachments/{attachment.id}/remove/"
    page = browser(acme, acme.colleague).get(f"/contacts/{row.id}/").content.decode()
    before, dialog = page.split(f'<dialog class="dialog" id="{attachment.id}-remove"')
    assert url not in before and url in dialog and "Remove note.txt?" in dialog, (
        "asked before it goes for good"
    )
    with django_capture_on_commit_callbacks(execute=True):
        assert browser(acme, acme.colleague).post(url).status_code == 302
    assert kept(acme) == [] and b"unmistakable words" not in stored_bytes(acme)


def test_a_file_opens_only_with_the_contact_it_belongs_to(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row, other = contact("Garage"), contact("Autre")
    attach(acme, browser, row, ("note.txt", b"hello"))
    [attachment] = kept(acme)
    assert (
        browser(acme, acme.colleague).get(f"/contacts/{other.id}/attachments/{attachment.id}/").status_code
        == 404
    )


def test_a_file_that_vanished_from_the_disk_is_not_found(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage")
    attach(acme, browser, row, ("note.txt", b"hello"))
    [attachment] = kept(acme)
    with acme.inside():
        attachment.file.storage.delete(attachment.file.name)
    assert (
        browser(acme, acme.colleague).get(f"/contacts/{row.id}/attachments/{attachment.id}/").status_code
        == 404
    )


def test_a_file_is_a_change_of_its_contact_in_the_history(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage", vat_number="BE0403170701", iban="BE68539007547034", country="BE", language="nl")
    attach(acme, browser, row, ("Contrat.pdf", PDF))
    body = browser(acme, acme.admin).get(f"/contacts/{row.id}/").content.decode()
    drawer = body.partition('class="drawer"')[2]
    assert "Contrat.pdf" in drawer
    for written in ("BE 0403.170.701", "BE68 5390 0754 7034", "Belgium", "Dutch", "15\xa0bytes"):
        assert written in drawer, "as people write it"
