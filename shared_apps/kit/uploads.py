"""Files that people bring: harmless names, types that agree with the content, pictures without what cameras hide in them.

Photographs carry the place and moment of their taking; P12 promises that Smoall keeps neither. Pictures are therefore
written anew; a picture in a format that can't be is refused, as is one that hides behind another name.
"""

import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.http import FileResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, ImageSequence

LONGEST_NAME = 150  # characters
MOST_PIXELS = 50_000_000  # of all frames together
MOST_FRAMES = 500  # each is held and written anew, which costs something even where it is one pixel
MOST_BYTES = 20 * 1024 * 1024
PICTURES = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP"}
OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN = "application/vnd.oasis.opendocument"
TYPES = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "txt": "text/plain",
    "md": "text/plain",
    "csv": "text/csv",
    "rtf": "application/rtf",
    "doc": "application/msword",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": f"{OFFICE}.presentationml.presentation",
    "odt": f"{OPEN}.text",
    "ods": f"{OPEN}.spreadsheet",
    "odp": f"{OPEN}.presentation",
    "xml": "application/xml",
    "json": "application/json",
    "eml": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "vcf": "text/vcard",
    "ics": "text/calendar",
    "zip": "application/zip",
}
PACKED, OLD_OFFICE = (b"PK\x03\x04", b"PK\x05\x06"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)
Image.MAX_IMAGE_PIXELS = (
    MOST_PIXELS  # Pillow makes room for a frame before anybody sees its size: for twice that at most
)
BEGINS = {
    "pdf": (b"%PDF-",),
    "rtf": (b"{\\rtf",),
    "zip": PACKED,
    "docx": PACKED,
    "xlsx": PACKED,
    "pptx": PACKED,
    "odt": PACKED,
    "ods": PACKED,
    "odp": PACKED,
    "doc": OLD_OFFICE,
    "xls": OLD_OFFICE,
    "ppt": OLD_OFFICE,
    "msg": OLD_OFFICE,
}
PICTURE_BEGINS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"\x00\x00\x00\x0cJXL ",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cjP  ",
    b"8BPS",
)
ODD = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+')


@dataclass(frozen=True, slots=True)
class Accepted:
    """What may be kept: `file` holds the cleaned content."""

    name: str
    content_type: str
    file: "File[bytes]"


def clean_name(name: str) -> str:
    """The last part of a file's name without signs that steer a path, a header or the eye; never empty."""
    last = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/"))).name
    words = " ".join(ODD.sub(" ", last).split()).lstrip(". ")
    stem, dot, extension = words.rpartition(".")
    if not dot or len(extension) > 10:
        return words[:LONGEST_NAME].rstrip(". ") or "file"
    return f"{stem[: LONGEST_NAME - len(extension) - 1].rstrip('. ') or 'file'}.{extension}"


def ending_of(content_type: str) -> str:
    """The ending of a kept file's name: the first that stands for its type, else "bin"."""
    return next((ending for ending, kind in TYPES.items() if kind == content_type), "bin")


def accept(file: "File[bytes]", *, most: int = MOST_BYTES) -> Accepted:
    """The file as it may be kept. Raises ValidationError, in words for people, and keeps nothing."""
    name = clean_name(file.name or "")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    size = file.size or 0
    if size > most:
        raise ValidationError(
            _("“%(name)s” is too big: %(size)s, where %(most)s is the most.")
            % {"name": name, "size": filesizeformat(size), "most": filesizeformat(most)}
        )
    if not size:
        raise ValidationError(_("“%(name)s” is empty.") % {"name": name})
    if extension not in TYPES:
        raise ValidationError(
            _(
                "“%(name)s” is of a kind that can’t be kept here. Documents, tables, pictures, mails and "
                "archives can."
            )
            % {"name": name}
        )
    file.seek(0)
    start = file.read(64)
    file.seek(0)
    if extension in PICTURES:
        return Accepted(name, TYPES[extension], without_metadata(file, PICTURES[extension], name))
    if _is_picture(start) or not start.startswith(BEGINS.get(extension, (b"",))):
        raise ValidationError(_("“%(name)s” isn’t what its name says.") % {"name": name})
    return Accepted(name, TYPES[extension], file)


def _is_picture(start: bytes) -> bool:
    """Also of a kind that isn't accepted: HEIC and AVIF (ftyp), WebP (RIFF), TIFF and its raw cousins."""
    is_heif = start[4:8] == b"ftyp" and start[8:12] not in (b"M4A ", b"qt  ")
    is_bitmap = start[:2] == b"BM" and start[6:10] == bytes(4)
    return start.startswith(PICTURE_BEGINS) or start[8:12] == b"WEBP" or is_heif or is_bitmap


def without_metadata(file: Any, kind: str, name: str) -> "ContentFile[bytes]":
    """The picture written anew, upright, with its colours' profile and nothing else. Raises ValidationError."""
    try:
        with Image.open(file, formats=[kind]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise _too_many_pixels(name)
            clean = io.BytesIO()
            if kind != "JPEG" and getattr(picture, "is_animated", False):
                _write_frames(picture, kind, clean, name)
            else:
                _write(picture, kind, clean)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ValidationError(_("“%(name)s” isn’t what its name says.") % {"name": name}) from error
    return ContentFile(clean.getvalue(), name=name)


def _too_many_pixels(name: str) -> ValidationError:
    return ValidationError(_("“%(name)s” has too many pixels.") % {"name": name})


def _write(picture: Any, kind: str, to: BinaryIO) -> None:
    """A JPEG that needn't be turned keeps its own tables, so that it loses next to nothing."""
    how: dict[str, Any] = {"format": kind, "icc_profile": picture.info.get("icc_profile")}
    transparency = picture.info.get("transparency")
    upright = ImageOps.exif_transpose(picture)
    if kind == "JPEG":
        is_as_it_was = picture.format == "JPEG" and picture.getexif().get(0x0112, 1) in (0, 1)
        how |= {"quality": "keep"} if is_as_it_was else {"quality": 92, "optimize": True}
        upright = picture if is_as_it_was else upright
    elif kind == "WEBP":
        how |= {"quality": 92, "method": 4}
    if transparency is not None and kind in ("PNG", "GIF"):
        how["transparency"] = transparency
    upright.load()
    upright.info = {}
    upright.save(to, **how)


def _write_frames(picture: Any, kind: str, to: BinaryIO, name: str) -> None:
    """Counts as it goes: how many frames there are, and how big, is known only once all were looked at."""
    info, times, pixels = picture.info, list[int](), 0
    frames: list[Image.Image] = []
    for frame in ImageSequence.Iterator(picture):
        pixels += frame.width * frame.height
        if pixels > MOST_PIXELS:
            raise _too_many_pixels(name)
        if len(frames) == MOST_FRAMES:
            raise ValidationError(
                _("“%(name)s” has more than %(most)s frames.") % {"name": name, "most": MOST_FRAMES}
            )
        times.append(frame.info.get("duration", 100))
        copy = frame.copy()
        copy.info = {}
        frames.append(copy)
    frames[0].save(
        to,
        format=kind,
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=info.get("loop", 0),
        icc_profile=info.get("icc_profile"),
    )


def download(file: Any, *, name: str, content_type: str) -> FileResponse:
    """A kept file, for saving: never shown in the page's own origin, whatever it holds."""
    response = FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
