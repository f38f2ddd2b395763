"""The erasure certificate: true when issued, unalterable afterwards, checkable with Python alone."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenants import canonical, certificate, verifiers
from tenants.certificate import BadCertificate, CannotIssue, Certificate, Copy, Issued, Kept, Store
from tenants.keys import KeyStore
from tenants.verifiers import verify, verify_certificate

DESTROYED = datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)
FACTS = Certificate(
    id=UUID(int=1),
    controller="The Wago Company sprl, Rue des Anges 65, 1320 Beauvechain, Belgium",
    tenant=UUID(int=2),
    client=UUID(int=3),
    requested_by="owner",
    requested_at=DESTROYED - timedelta(hours=12),
    closed_at=DESTROYED - timedelta(hours=12),
    destroyed_at=DESTROYED,
    issued_at=DESTROYED + timedelta(seconds=5),
    stores=(Store("schema", "contacts_contact", 12345, 0), Store("files", "attachments", 17, 0)),
    exceptions=(
        Kept("issued_invoices", "Code de la TVA, art. 60", date(2036, 12, 31)),
        Kept("contact_details", "Art. 6", None),
    ),
    copies=(Copy(DESTROYED - timedelta(days=1), "owner", 1_234_567, "ab" * 32),),
    last_physical_copy_on=date(2026, 11, 30),
    release="2026.11",
)


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


@pytest.fixture
def issued(store: KeyStore) -> Issued:
    return certificate.issue(FACTS, store)


def test_what_was_issued_verifies_and_says_the_same(store: KeyStore, issued: Issued) -> None:
    verified = certificate.verify(issued.text, store.public_keys())
    assert verified.certificate == FACTS
    assert verified.key_id == store.signing_key_id()
    assert canonical.dumps(issued.document).decode() == issued.text


def test_white_space_may_differ(store: KeyStore, issued: Issued) -> None:
    pretty = json.dumps(json.loads(issued.text), indent=4, ensure_ascii=True)
    assert certificate.verify(pretty, store.public_keys()).certificate == FACTS


def test_it_stays_genuine_after_the_signing_key_was_rotated(store: KeyStore, issued: Issued) -> None:
    store.rotate()
    assert certificate.verify(issued.text, store.public_keys()).certificate == FACTS


def test_every_flipped_bit_is_noticed(store: KeyStore, issued: Issued) -> None:
    text, public = issued.text.encode(), store.public_keys()
    for at in range(len(text)):
        altered = bytearray(text)
        altered[at] ^= 1 << at % 8
        with pytest.raises(BadCertificate):
            certificate.verify(bytes(altered), public)


def test_cut_short_anywhere_it_is_refused(store: KeyStore, issued: Issued) -> None:
    for end in range(0, len(issued.text), 7):
        with pytest.raises(BadCertificate):
            certificate.verify(issued.text[:end], store.public_keys())


@pytest.mark.parametrize(
    "alter",
    [
        lambda document: document.update(extra=1),
        lambda document: document.pop("copies"),
        lambda document: document.pop("signature"),
        lambda document: document.update(signature=3),
        lambda document: document["stores"].pop(),
        lambda document: document.update(key_id="0" * 16),
        lambda document: document.update(version=2),
        lambda document: document.update(format="other"),
        lambda document: document.update(client=document["tenant"]),
    ],
)
def test_an_altered_document_is_refused(store: KeyStore, issued: Issued, alter: Any) -> None:
    document = json.loads(issued.text)
    alter(document)
    with pytest.raises(BadCertificate):
        certificate.verify(json.dumps(document), store.public_keys())


def test_one_by_another_deployment_is_refused(tmp_path: Path, issued: Issued) -> None:
    other = KeyStore(tmp_path / "other")
    other.prepare()
    with pytest.raises(BadCertificate, match="not in the list"):
        certificate.verify(issued.text, other.public_keys())


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '"x"', "[" * 100_000, '{"a":1,"a":2}', '{"a":1.5}', "1e999", "NaN"]
)
def test_what_is_no_certificate_is_refused_and_does_not_crash(store: KeyStore, text: str) -> None:
    with pytest.raises(BadCertificate):
        certificate.verify(text, store.public_keys())


def test_signed_by_smoall_but_of_another_form_it_is_no_certificate(store: KeyStore, issued: Issued) -> None:
    document = dict(issued.document)
    del document["signature"], document["release"]
    document["signature"] = store.sign(canonical.dumps(document)).value
    with pytest.raises(BadCertificate, match="form"):
        certificate.verify(canonical.dumps(document), store.public_keys())


@pytest.mark.parametrize(
    ("untrue", "why"),
    [
        ({"stores": (Store("schema", "contacts_contact", 5, 1),)}, "Not everything"),
        ({"destroyed_at": DESTROYED.replace(tzinfo=None)}, "time zone"),
        ({"issued_at": DESTROYED - timedelta(seconds=1)}, "follow"),
        ({"closed_at": DESTROYED - timedelta(days=1)}, "follow"),
        ({"last_physical_copy_on": date(2026, 12, 1)}, "7 days"),
        ({"last_physical_copy_on": date(2026, 11, 22)}, "7 days"),
        ({"requested_by": "Olga Acme"}, "not a code"),
        ({"stores": (Store("Olga's files", "x", 1, 0),)}, "not a code"),
        ({"stores": (Store("files", "mail of olga@acme.test", 1, 0),)}, "e-mail"),
        ({"copies": (Copy(DESTROYED, "owner", 1, "abc"),)}, "SHA-256"),
        ({"stores": (Store("schema", "x", 2**60, 0),)}, "too large"),
    ],
)
def test_an_untrue_certificate_or_one_that_names_somebody_is_never_issued(
    store: KeyStore, untrue: dict[str, Any], why: str
) -> None:
    with pytest.raises(CannotIssue, match=why):
        certificate.issue(replace(FACTS, **untrue), store)


def test_the_last_day_counts_in_brussels_time(store: KeyStore) -> None:
    """23:30 UTC is the next day in Brussels."""
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    facts = replace(FACTS, destroyed_at=late, issued_at=late, last_physical_copy_on=date(2026, 12, 1))
    assert certificate.issue(facts, store).document["last_physical_copy_on"] == "2026-12-01"


def test_one_of_contact_details_says_that_these_were_erased(store: KeyStore) -> None:
    facts = replace(
        FACTS, stores=(Store("shared", "clients_client", 1, 0), Store("shared", "mail_refusal", 2, 0))
    )
    verified = certificate.verify(certificate.issue(facts, store).text, store.public_keys())
    english, french = certificate.as_text(verified, "en"), certificate.as_text(verified, "fr")
    assert (
        english.startswith("Certificate of erasure of contact details")
        and "Contact details erased" in english
    )
    assert "Workspace closed" not in english and "Data destroyed" not in english
    assert (
        "Coordonnées effacées" in french
        and "Espace fermé" not in french
        and "Données détruites" not in french
    )
    assert "Shared tables: refused mails (before 2, after 0)" in english


def test_it_reads_well_in_english_and_french(store: KeyStore, issued: Issued) -> None:
    verified = certificate.verify(issued.text, store.public_keys())
    english, french = certificate.as_text(verified, "en"), certificate.as_text(verified, "fr")
    assert "23 November 2026, 23:59:59 (Brussels time)" in english
    assert "Tables: contacts_contact (before 12,345, after 0)" in english
    assert "invoices that Smoall issued, until 31 December 2036: Code de la TVA, art. 60" in english
    assert "Last physical copy gone on 30 November 2026" in english
    assert "23 novembre 2026, 23:59:59 (heure de Bruxelles)" in french
    assert "factures émises par Smoall, jusqu’au 31 décembre 2036" in french
    assert "where a court forbids" in english and "lorsqu’un tribunal interdit" in french, (
        "on every one alike"
    )
    assert verified.key_id in english and verified.key_id in french
    assert certificate.as_text(verified, "nl") == english


def test_every_word_exists_in_both_languages() -> None:
    assert certificate.WORDS["en"].keys() == certificate.WORDS["fr"].keys()


def test_a_certificate_without_exceptions_and_copies_says_so(store: KeyStore) -> None:
    bare = certificate.issue(replace(FACTS, exceptions=(), copies=()), store)
    text = certificate.as_text(certificate.verify(bare.text, store.public_keys()), "fr")
    assert "Rien n’est conservé." in text
    assert "Aucune copie n’a été emportée." in text


# --- the offline verifier ---------------------------------------------------------------------------------
def run(folder: Path, text: str, keys: dict[str, Any], *, stdlib_only: bool = True) -> Any:
    """As a client would: the one file, in a folder of its own. -I -S: no packages, so no `cryptography`."""
    (folder / "verify_certificate.py").write_bytes(verifiers.source("verify_certificate.py"))
    (folder / "c.json").write_text(text, encoding="utf-8")
    (folder / "k.json").write_text(json.dumps(keys))
    python = [sys.executable, *(["-I", "-S"] if stdlib_only else [])]
    command = [*python, "verify_certificate.py", "c.json", "k.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("stdlib_only", [True, False])
def test_the_offline_verifier_accepts_the_genuine_and_refuses_the_altered(
    tmp_path: Path, store: KeyStore, issued: Issued, stdlib_only: bool
) -> None:
    published = store.public_document()
    genuine = run(tmp_path, issued.text, published, stdlib_only=stdlib_only)
    assert genuine.returncode == 0, genuine.stderr
    assert "contacts_contact (12345 before, 0 after)" in genuine.stdout
    altered = run(tmp_path, issued.text.replace("12345", "12344"), published, stdlib_only=stdlib_only)
    assert altered.returncode == 1
    assert "NOT GENUINE" in altered.stderr
    stranger = KeyStore(tmp_path / "other")
    stranger.prepare()
    assert run(tmp_path, issued.text, stranger.public_document(), stdlib_only=stdlib_only).returncode == 1


def test_the_offline_verifier_says_how_it_is_used_and_what_it_can_not_read(tmp_path: Path) -> None:
    assert verify_certificate.main([]) == 2
    assert verify_certificate.main([str(tmp_path / "absent"), str(tmp_path / "absent")]) == 2


def test_both_verifiers_agree_on_flipped_bits(store: KeyStore, issued: Issued) -> None:
    text, keys = issued.text.encode(), json.dumps(store.public_document())
    for at in range(0, len(text), 97):
        altered = bytearray(text)
        altered[at] ^= 1 << at % 8
        with pytest.raises((verify_certificate.Refused, UnicodeDecodeError)):
            verify_certificate.check(altered.decode(), keys)


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [  # RFC 8032 section 7.1, tests 1 to 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_the_verifiers_own_ed25519_keeps_to_the_standard(public: str, message: str, signature: str) -> None:
    a, m, s = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify_certificate.is_signed(a, m, s)
    assert not verify_certificate.is_signed(a, m + b"x", s)
    higher = (int.from_bytes(s[32:], "little") + verify_certificate.Q).to_bytes(32, "little")
    assert not verify_certificate.is_signed(a, m, s[:32] + higher)  # the same signature written otherwise
    assert not verify_certificate.is_signed(bytes(31), m, s)
    assert not verify_certificate.is_signed(b"\xff" * 32, m, s)


def test_the_verifiers_own_ed25519_agrees_with_the_library() -> None:
    for length in range(0, 200, 23):
        private = Ed25519PrivateKey.generate()
        public, message = private.public_key().public_bytes_raw(), bytes(range(256))[:length]
        signature = private.sign(message)
        assert verify_certificate.is_signed(public, message, signature)
        for at in (0, 31, 32, 63):
            altered = bytearray(signature)
            altered[at] ^= 1
            assert not verify_certificate.is_signed(public, message, bytes(altered))


def test_the_two_verifiers_hold_the_same_ed25519() -> None:
    """Each is one file that stands alone, so the code is there twice; it may not drift apart."""

    def inner(name: verifiers.Name) -> str:
        text = verifiers.source(name).decode()
        return text[text.index("# --- Ed25519") : text.index("# --- end of Ed25519")]

    assert inner("verify.py") == inner("verify_certificate.py")
    assert verify.BASE == verify_certificate.BASE


# --- canonical JSON ---------------------------------------------------------------------------------------
def test_canonical_json_is_sorted_unspaced_and_unescaped() -> None:
    value = {"b": [True, None, -1], "a": 'é\u20ac\n"', "_": {}, "C": []}
    assert canonical.dumps(value) == '{"C":[],"_":{},"a":"é€\\n\\"","b":[true,null,-1]}'.encode()
    assert canonical.loads(canonical.dumps(value)) == value


@pytest.mark.parametrize("value", [1.0, float("nan"), {"é": 1}, {1: 2}, 2**53, b"x", {"a": {1, 2}}, "\ud800"])
def test_what_two_readers_could_read_differently_has_no_canonical_form(value: object) -> None:
    with pytest.raises(canonical.NotCanonical):
        canonical.dumps(value)
