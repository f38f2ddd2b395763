"""verify.py, as a client runs it without Smoall, says of an archive what Smoall itself says."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tenants import verifiers
from tenants.keys import KeyStore
from tenants.verifiers import verify
from tests.tenants.archives import CONTENT, SECRET, plain, rebuilt, sealed, store, write

__all__ = ["plain", "sealed", "store"]


def run(*arguments: object, cwd: Path, stdlib_only: bool = True) -> Any:
    """verify.py as a client runs it; -I -S: no packages at all."""
    python = [sys.executable, *(["-I", "-S"] if stdlib_only else [])]
    return subprocess.run(
        [*python, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, input=""
    )


@pytest.fixture
def unpacked(plain: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(plain) as zipped:
        zipped.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_unpacked_the_verifier_inside_finds_everything_sound(unpacked: Path, store: KeyStore) -> None:
    keys = unpacked.parent / "keys.json"
    keys.write_text(json.dumps(store.public_document()))
    alone = run("verify.py", cwd=unpacked)
    assert alone.returncode == 0, alone.stderr
    assert "Whose key that is was not checked" in alone.stdout
    (unpacked / ".DS_Store").write_bytes(b"what a desktop leaves behind")
    known = run(unpacked / "verify.py", "--keys", keys, cwd=unpacked.parent)
    assert known.returncode == 0, known.stderr
    assert "one of the keys that you gave" in known.stdout
    assert "3 rows in 1 tables" in known.stdout


def test_unpacked_an_altered_part_is_named(unpacked: Path) -> None:
    for name in ("rows/contacts_contact.csv", "files/photo é.jpg", "README.txt"):
        path = unpacked / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        answer = run("-X", "utf8", "verify.py", cwd=unpacked)
        assert answer.returncode == 1
        assert f"{name}: altered" in answer.stderr
        path.write_bytes(before)
    (unpacked / "files" / "empty").unlink()
    assert "files/empty: missing" in run("verify.py", cwd=unpacked).stderr
    (unpacked / "files" / "empty").symlink_to("/dev/null")
    assert "files/empty: altered (it is a link)" in run("verify.py", cwd=unpacked).stderr


def test_packed_it_agrees_with_smoall_on_every_change(plain: Path, store: KeyStore) -> None:
    whole, keys = plain.read_bytes(), store.public_keys()

    def says_sound() -> bool:
        try:
            return verify.check(plain, keys)[2] == []
        except (verify.Refused, zipfile.BadZipFile, ValueError, NotImplementedError, OSError, KeyError):
            return False

    assert says_sound()
    for at in range(0, len(whole), 53):
        altered = bytearray(whole)
        altered[at] ^= 1 << at % 8
        plain.write_bytes(altered)
        if says_sound():
            with zipfile.ZipFile(plain) as zipped:
                assert {name: zipped.read(name) for name in CONTENT} == CONTENT


def test_packed_missing_and_added_parts_are_named(plain: Path) -> None:
    (plain.parent / "verify.py").write_bytes(verifiers.source("verify.py"))
    assert run("verify.py", plain, cwd=plain.parent).returncode == 0
    rebuilt(plain, lambda parts: parts.update({"more": b""}))
    assert "more: added" in run("verify.py", plain, cwd=plain.parent).stderr
    rebuilt(plain, lambda parts: (parts.pop("more"), parts.pop("schema.sql")))
    assert "schema.sql: missing" in run("verify.py", plain, cwd=plain.parent).stderr


def test_a_stranger_who_signs_an_altered_archive_is_found_out_by_the_keys(
    tmp_path: Path, store: KeyStore
) -> None:
    stranger = KeyStore(tmp_path / "stranger")
    write(tmp_path / "forged.zip", stranger, None)
    with pytest.raises(verify.Refused, match="not one of Smoall's"):
        verify.check(tmp_path / "forged.zip", store.public_keys())


def test_an_encrypted_archive_is_decrypted_first(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_bytes(verifiers.source("verify.py"))
    (tmp_path / "key.txt").write_text(f"# created: today\n{SECRET}\n")
    told = run("verify.py", sealed, cwd=tmp_path)
    assert told.returncode == 1
    assert "age -d" in told.stderr
    decrypt = ("verify.py", sealed, "--identity", "key.txt", "--decrypt-to")
    opened = run(*decrypt, "out.zip", cwd=tmp_path, stdlib_only=False)
    assert opened.returncode == 0, opened.stderr
    (tmp_path / "key.txt").write_text(str(pyrage.x25519.Identity.generate()))
    refused = run(*decrypt, "no.zip", cwd=tmp_path, stdlib_only=False)
    assert refused.returncode == 1
    assert not (tmp_path / "no.zip").exists()


def test_a_file_that_is_not_there_is_told_apart_from_one_that_is_altered(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_bytes(verifiers.source("verify.py"))
    assert run("verify.py", "absent.zip", cwd=tmp_path).returncode == 2
