"""The archive of an export: what goes in comes out, and nothing altered comes out unnoticed."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pyrage
import pytest

from tenants import archive
from tenants.archive import (
    ArchiveReader,
    ArchiveWriter,
    BadArchive,
    BadPart,
    ManifestFields,
    WrongKey,
    age,
)
from tenants.archive.reader import _Checked
from tenants.keys import KeyStore
from tests.tenants.archives import (
    CONTENT,
    FIELDS,
    IDENTITY,
    NOW,
    PUBLIC,
    SECRET,
    check,
    is_refused,
    plain,
    rebuilt,
    sealed,
    store,
    write,
)

__all__ = ["plain", "sealed", "store"]


# --- round trip -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("recipients", "identity"),
    [
        (None, None),
        ([PUBLIC], SECRET),
        ([age.PublicKey.parse(PUBLIC)], SECRET),
        ([age.Passphrase("correct horse battery", work=10)], "correct horse battery"),
    ],
    ids=["plain", "text", "key", "passphrase"],
)
def test_what_goes_in_comes_out(
    tmp_path: Path, store: KeyStore, recipients: Any, identity: str | None
) -> None:
    path = tmp_path / "archive"
    written = write(path, store, recipients)
    with ArchiveReader(path, identity) as reader:
        report = reader.verify(store.public_keys())
        assert report.is_sound, report.problems
        assert report.manifest == written.manifest
        assert {name: reader.read(name) for name in CONTENT} == CONTENT
        assert reader.names() == sorted([*CONTENT, "README.txt", "verify.py"])
        assert report.bytes == sum(part.bytes for part in written.manifest.parts.values())


def test_the_manifest_says_what_the_exporter_said(plain: Path, store: KeyStore) -> None:
    with ArchiveReader(plain) as reader:
        manifest = reader.manifest(store.public_keys())
    for name in ManifestFields.__dataclass_fields__:
        assert getattr(manifest, name) == getattr(FIELDS, name)
    assert manifest.made_at == NOW
    assert manifest.key_id == store.signing_key_id()


def test_size_and_hash_of_the_file_are_reported(tmp_path: Path, store: KeyStore) -> None:
    import hashlib

    written = write(tmp_path / "a", store, [PUBLIC])
    data = (tmp_path / "a").read_bytes()
    assert (written.bytes, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_usual_tools_open_it(tmp_path: Path, plain: Path, sealed: Path) -> None:
    opened = io.BytesIO()
    with sealed.open("rb") as file:
        pyrage.decrypt_io(file, opened, [IDENTITY])
    for source in (opened, plain):
        with zipfile.ZipFile(source) as zipped:
            assert zipped.testzip() is None
            assert zipped.read("files/photo é.jpg") == CONTENT["files/photo é.jpg"]
            assert zipped.getinfo("schema.sql").date_time == (2026, 11, 23, 5, 10, 12)
    if unzip := shutil.which("unzip"):
        subprocess.run([unzip, "-tq", plain], check=True, capture_output=True)


def test_nothing_plain_touches_the_disk(sealed: Path, store: KeyStore) -> None:
    with ArchiveReader(sealed, SECRET) as reader:
        assert reader.verify(store.public_keys()).is_sound
        reader.read("shared.json")
        assert list(sealed.parent.iterdir()) == [sealed]
    for word in (b"CANARY", b"schema.sql", b"PK\x03\x04", b"smoall"):
        assert word not in sealed.read_bytes()


def test_a_tenants_own_key_is_a_recipient_and_its_destruction_closes_the_archive(
    tmp_path: Path, store: KeyStore
) -> None:
    tenant = UUID(int=9)
    store.create(tenant)
    write(tmp_path / "backup", store, [store.recipient(tenant)])
    assert check(tmp_path / "backup", store, str(store.identity(tenant))).is_sound
    store.destroy(tenant)
    store.create(tenant)
    with pytest.raises(WrongKey):
        check(tmp_path / "backup", store, str(store.identity(tenant)))


# --- writing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "C:/a",
        "a\0b",
        "a\nb",
        "x" * 256,
        "é" * 128,
        "manifest.json",
        "manifest.sig",
        "README.txt",
        "schema.sql",
        "\ud800",
    ],
)
def test_an_unsafe_or_used_name_is_refused(tmp_path: Path, store: KeyStore, name: str) -> None:
    with (tmp_path / "a").open("wb") as file, ArchiveWriter(file, None, keys=store, made_at=NOW) as writer:
        writer.add_bytes("schema.sql", b"")
        with pytest.raises(BadPart):
            writer.add_bytes(name, b"x")
        writer.close(FIELDS)
    assert check(tmp_path / "a", store).is_sound


def test_no_recipient_at_all_is_refused(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="One passphrase"):
        ArchiveWriter(io.BytesIO(), [], keys=store, made_at=NOW)


@pytest.mark.parametrize("recipients", [None, [PUBLIC]])
def test_an_error_half_way_leaves_a_file_that_opens_nowhere(
    tmp_path: Path, store: KeyStore, recipients: Any
) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionError("the database went away")

    def attempt() -> None:
        with path.open("wb") as file, ArchiveWriter(file, recipients, keys=store, made_at=NOW) as writer:
            writer.add("rows/a.csv", failing())

    path = tmp_path / "a"
    with pytest.raises(ConnectionError):
        attempt()
    with pytest.raises(BadArchive):
        ArchiveReader(path, SECRET if recipients else None)


def test_after_a_failed_part_it_can_not_be_closed(store: KeyStore) -> None:
    def failing() -> Iterator[bytes]:
        raise ConnectionError
        yield b""

    def attempt() -> None:
        with ArchiveWriter(io.BytesIO(), None, keys=store, made_at=NOW) as writer:
            with pytest.raises(ConnectionError):
                writer.add("rows/a.csv", failing())
            writer.close(FIELDS)

    with pytest.raises(RuntimeError, match="broken"):
        attempt()


def test_forgetting_to_close_is_an_error(store: KeyStore) -> None:
    target = io.BytesIO()
    writer = ArchiveWriter(target, None, keys=store, made_at=NOW)
    with pytest.raises(RuntimeError, match="without close"), writer:
        pass
    assert not zipfile.is_zipfile(target)


def test_what_no_manifest_can_say_is_not_written(store: KeyStore) -> None:
    from dataclasses import replace

    with pytest.raises(BadArchive), ArchiveWriter(io.BytesIO(), None, keys=store, made_at=NOW) as writer:
        writer.close(replace(FIELDS, about={"share": 0.5}))


# --- altered ----------------------------------------------------------------------------------------------
def test_a_flipped_bit_in_each_part_is_found_and_the_part_is_named(plain: Path, store: KeyStore) -> None:
    whole = plain.read_bytes()
    with zipfile.ZipFile(plain) as zipped:
        entries = [entry for entry in zipped.infolist() if entry.file_size]
    assert len(entries) == len(CONTENT) - 1 + 4
    for entry in entries:
        start = (
            entry.header_offset
            + 30
            + len(entry.filename.encode())
            + (
                20
                if b"\x01\0\x10\0"
                in whole[entry.header_offset + 30 : entry.header_offset + 60 + len(entry.filename.encode())]
                else 0
            )
        )
        altered = bytearray(whole)
        altered[start + entry.compress_size // 2] ^= 0x10
        plain.write_bytes(altered)
        report = check(plain, store)
        wrong = {problem.part for problem in report.problems}
        assert wrong == ({""} if entry.filename.startswith("manifest") else {entry.filename}), report.problems


def test_no_flipped_bit_of_a_plain_archive_changes_what_anybody_reads(plain: Path, store: KeyStore) -> None:
    """A ZIP has bytes that mean nothing to a reader (a date said twice): those may change, no content."""
    whole, noticed = plain.read_bytes(), 0
    for at in range(0, len(whole), 5):
        altered = bytearray(whole)
        altered[at] ^= 1 << at % 8
        plain.write_bytes(altered)
        if is_refused(plain, store):
            noticed += 1
            continue
        with ArchiveReader(plain) as reader:
            reader.manifest(store.public_keys())
            assert {name: reader.read(name) for name in CONTENT} == CONTENT, at
    assert noticed > len(whole) / 5 * 0.7


def test_no_flipped_bit_of_an_encrypted_archive_goes_unnoticed(sealed: Path, store: KeyStore) -> None:
    whole = sealed.read_bytes()
    for at in range(0, len(whole), 11):
        altered = bytearray(whole)
        altered[at] ^= 1 << at % 8
        sealed.write_bytes(altered)
        assert is_refused(sealed, store, SECRET), at


def test_no_flipped_bit_in_any_chunk_of_a_large_encrypted_archive_goes_unnoticed(
    tmp_path: Path, store: KeyStore
) -> None:
    path, random = tmp_path / "large", Random(5)
    write(path, store, [PUBLIC], {f"files/{n}": random.randbytes(90_001) for n in range(5)})
    whole = path.read_bytes()
    for start in range(0, len(whole), age.CHUNK // 2):
        at = min(start + random.randrange(age.CHUNK // 2), len(whole) - 1)
        altered = bytearray(whole)
        altered[at] ^= 1
        path.write_bytes(altered)
        assert is_refused(path, store, SECRET), at


def test_cut_short_anywhere_it_is_refused(plain: Path, sealed: Path, store: KeyStore) -> None:
    for path, identity in ((plain, None), (sealed, SECRET)):
        whole = path.read_bytes()
        for end in [*range(0, len(whole), 61), len(whole) - 1]:
            path.write_bytes(whole[:end])
            assert is_refused(path, store, identity), (path.name, end)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda parts: parts.pop("files/empty"), "files/empty"),
        (lambda parts: parts.pop("verify.py"), "verify.py"),
        (lambda parts: parts.update({"files/more": b""}), "files/more"),
        (lambda parts: parts.update({"../escape": b""}), "../escape"),
        (lambda parts: parts.update({"files/folder/": b""}), "files/folder/"),
        (lambda parts: parts.update({"shared.json": b'{"company": "CANARY BVX"}'}), "shared.json"),
        (lambda parts: parts.update({"shared.json": b"{}"}), "shared.json"),
        (lambda parts: parts.update({"files/empty": b"x" * 10_000_000}), "files/empty"),
        (lambda parts: parts.pop("manifest.json"), ""),
        (lambda parts: parts.pop("manifest.sig"), ""),
        (lambda parts: parts.update({"manifest.json": parts["manifest.json"] + b"\n"}), ""),
        (lambda parts: parts.update({"manifest.json": parts["manifest.json"].replace(b": 3", b": 4")}), ""),
        (lambda parts: parts.update({"manifest.sig": b"{}"}), ""),
        (lambda parts: parts.update({"manifest.sig": b"\xff"}), ""),
        (lambda parts: parts.update({"manifest.json": b"[" * 1_000_000}), ""),
    ],
)
def test_a_part_that_is_missing_added_or_replaced_is_named(
    plain: Path, store: KeyStore, change: Callable[[dict[str, bytes]], Any], part: str
) -> None:
    rebuilt(plain, lambda parts: None)
    assert check(plain, store).is_sound  # packing again alone alters nothing
    rebuilt(plain, change)
    report = check(plain, store)
    assert part in {problem.part for problem in report.problems}
    assert not report.is_sound


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_in_it_twice_is_refused(plain: Path, store: KeyStore) -> None:
    with zipfile.ZipFile(plain, "a") as zipped:
        zipped.writestr("shared.json", CONTENT["shared.json"])
    assert not check(plain, store).is_sound


def test_a_link_in_place_of_a_file_is_refused(plain: Path, store: KeyStore) -> None:
    with zipfile.ZipFile(plain) as zipped:
        parts = {entry: zipped.read(entry) for entry in zipped.infolist()}
    with zipfile.ZipFile(plain, "w") as zipped:
        for entry, data in parts.items():
            if entry.filename == "files/empty":
                entry.external_attr = 0o120777 << 16
            zipped.writestr(entry, data)
    assert {problem.part for problem in check(plain, store).problems} == {"files/empty"}


def test_an_archive_signed_by_a_stranger_is_refused(plain: Path, tmp_path: Path) -> None:
    stranger = KeyStore(tmp_path / "stranger")
    stranger.prepare()
    report = check(plain, stranger)
    assert report.manifest is None
    assert "not in the list" in report.problems[0].reason


def test_a_declared_size_is_enforced_while_reading(plain: Path, store: KeyStore) -> None:
    """A part whose directory entry lies about its size is not unpacked beyond what the manifest says."""
    with zipfile.ZipFile(plain) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    true = parts["shared.json"]
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in parts.items():
            zipped.writestr(name, true + bytes(50_000_000) if name == "shared.json" else data)
        zipped.getinfo("shared.json").file_size = len(true)  # as the directory will say
    with ArchiveReader(plain) as reader:
        reader.manifest(store.public_keys())
        with reader.open("shared.json") as part, pytest.raises(BadArchive):
            part.read()


def test_a_part_that_grew_is_refused_before_it_is_unpacked(plain: Path, store: KeyStore) -> None:
    rebuilt(plain, lambda parts: parts.update({"shared.json": bytes(50_000_000)}))
    with ArchiveReader(plain) as reader:
        reader.manifest(store.public_keys())
        with pytest.raises(BadArchive, match="its size"):
            reader.open("shared.json")


def test_a_part_gives_an_error_where_its_size_ends_whatever_the_zip_gives() -> None:
    endless = io.BytesIO(bytes(10_000_000))
    part = io.BufferedReader(_Checked(endless, archive.Part(100, "0" * 64)), 1000)
    with part, pytest.raises(BadArchive, match="longer"):
        part.read()
    assert endless.closed


def test_a_huge_directory_is_not_read_into_memory(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.archive.reader.INDEX_LIMIT", 100)
    with pytest.raises(BadArchive, match="directory"):
        ArchiveReader(plain)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", bytes(100_000), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(tmp_path: Path, store: KeyStore, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert is_refused(tmp_path / "a", store)


def test_nothing_is_given_before_the_manifest_is_trusted(plain: Path, store: KeyStore) -> None:
    with ArchiveReader(plain) as reader:
        with pytest.raises(RuntimeError, match="manifest"):
            reader.open("shared.json")
        reader.manifest(store.public_keys())
        with pytest.raises(KeyError):
            reader.open("manifest.sig")


def test_a_wrong_or_missing_key_says_so(sealed: Path, tmp_path: Path, store: KeyStore) -> None:
    for identity in (None, "a passphrase of mine", str(pyrage.x25519.Identity.generate()), SECRET[:-1]):
        with pytest.raises(WrongKey):
            ArchiveReader(sealed, identity)
    write(tmp_path / "b", store, [age.Passphrase("correct horse battery", work=10)])
    for identity in (None, "correct horse battery ", SECRET):
        with pytest.raises(WrongKey):
            ArchiveReader(tmp_path / "b", identity)
