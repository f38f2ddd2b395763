"""Keys: what is encrypted to a tenant opens with its key alone, and never again once that is destroyed."""

import base64
import json
import multiprocessing
import os
import stat
from pathlib import Path
from uuid import UUID, uuid4

import pyrage
import pytest

from tenants import keys
from tenants.keys import KeyStore


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


def encrypt_to(store: KeyStore, tenant: UUID, text: bytes = b"a backup") -> bytes:
    return pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(store.recipient(tenant))])


def test_a_backup_opens_with_its_tenants_key_and_with_no_other(store: KeyStore) -> None:
    acme, zenith = uuid4(), uuid4()
    store.create(acme)
    store.create(zenith)
    backup = encrypt_to(store, acme)
    assert pyrage.decrypt(backup, [store.identity(acme)]) == b"a backup"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(backup, [store.identity(zenith)])


def test_a_key_is_never_overwritten(store: KeyStore) -> None:
    tenant = uuid4()
    store.create(tenant)
    before = store.recipient(tenant)
    with pytest.raises(keys.KeyExists):
        store.create(tenant)
    store.ensure(tenant)
    assert store.recipient(tenant) == before


def test_destroying_a_key_makes_what_was_encrypted_to_it_unreadable(store: KeyStore) -> None:
    tenant = uuid4()
    store.create(tenant)
    backup = encrypt_to(store, tenant)
    store.destroy(tenant)
    store.destroy(tenant)
    assert not store.exists(tenant)
    with pytest.raises(keys.NoKey):
        store.identity(tenant)
    store.create(tenant)  # even a new key of the same tenant opens nothing old
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(backup, [store.identity(tenant)])


def test_destroying_overwrites_the_file_before_it_goes(store: KeyStore, tmp_path: Path) -> None:
    tenant = uuid4()
    store.create(tenant)
    path = store.root / "tenants" / f"{tenant}.key"
    before = path.read_bytes()
    os.link(path, tmp_path / "same blocks")
    store.destroy(tenant)
    after = (tmp_path / "same blocks").read_bytes()
    assert len(after) == len(before)
    assert not any(before[at : at + 16] in after for at in range(0, len(before) - 16))


def test_destroying_takes_the_draft_that_a_crash_left(store: KeyStore) -> None:
    tenant = uuid4()
    store.create(tenant)
    path = store.root / "tenants" / f"{tenant}.key"
    draft = store.root / "tenants" / f".{tenant}.key.draft"
    draft.write_bytes(path.read_bytes())
    assert store.listing() == [tenant]
    store.destroy(tenant)
    assert list((store.root / "tenants").iterdir()) == []


def test_a_half_written_draft_stands_in_nobodys_way(store: KeyStore) -> None:
    tenant = uuid4()
    store.prepare()
    (store.root / "tenants" / f".{tenant}.key.draft").write_bytes(b"half")
    store.ensure(tenant)
    assert pyrage.decrypt(encrypt_to(store, tenant), [store.identity(tenant)]) == b"a backup"


def test_a_path_in_place_of_a_uuid_is_refused(store: KeyStore) -> None:
    with pytest.raises(ValueError):
        store.create("../../etc/passwd")  # type: ignore[arg-type]


def test_folders_and_files_are_for_the_owner_alone(store: KeyStore) -> None:
    store.root.mkdir(mode=0o755)
    store.prepare()
    store.create(uuid4())
    for path in (store.root, *store.root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_listing_names_every_tenant_with_a_key(store: KeyStore) -> None:
    assert store.listing() == []
    tenants = sorted(uuid4() for _ in range(3))
    for tenant in tenants:
        store.create(tenant)
    (store.root / "tenants" / "notes.key").write_text("not a key")
    assert store.listing() == tenants


def test_no_secret_lies_in_the_folder_in_clear_but_the_master(store: KeyStore) -> None:
    tenant = uuid4()
    store.prepare()
    store.create(tenant)
    secret = str(store.identity(tenant)).encode()
    for path in store.root.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()
            assert (b"AGE-SECRET-KEY-" in path.read_bytes()) == (path.name == "master.key"), path


def test_a_sealed_secret_dies_with_its_tenants_key(store: KeyStore) -> None:
    acme, zenith = uuid4(), uuid4()
    store.create(acme)
    store.create(zenith)
    sealed = store.seal(acme, b"a passphrase that waits")
    assert store.unseal(acme, sealed) == b"a passphrase that waits"
    with pytest.raises(keys.BadKey):
        store.unseal(zenith, sealed)
    with pytest.raises(keys.BadKey):
        store.unseal(acme, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    store.destroy(acme)
    with pytest.raises(keys.NoKey):
        store.unseal(acme, sealed)


# --- the master key ---------------------------------------------------------------------------------------
def test_a_master_key_given_from_outside_is_not_kept_in_the_folder(tmp_path: Path) -> None:
    master = str(pyrage.x25519.Identity.generate())
    store = KeyStore(tmp_path / "keys", master=f"# created: today\n{master}\n")
    tenant = uuid4()
    store.prepare()
    store.create(tenant)
    assert not (store.root / "master.key").exists()
    assert all(master.encode() not in path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    with pytest.raises(keys.WrongMaster):
        KeyStore(store.root).identity(tenant)


def test_another_master_key_is_refused_before_it_makes_a_second_kind_of_keys(tmp_path: Path) -> None:
    first = KeyStore(tmp_path / "keys", master=str(pyrage.x25519.Identity.generate()))
    first.prepare()
    other = KeyStore(tmp_path / "keys", master=str(pyrage.x25519.Identity.generate()))
    for act in (other.prepare, lambda: other.create(uuid4()), lambda: other.sign(b"x")):
        with pytest.raises(keys.WrongMaster):
            act()
    assert other.listing() == []


def test_a_lost_master_key_is_reported_and_not_replaced(store: KeyStore) -> None:
    store.create(uuid4())
    (store.root / "master.key").unlink()
    with pytest.raises(keys.WrongMaster, match="gone"):
        store.create(uuid4())
    assert not (store.root / "master.key").exists()


def test_nonsense_as_master_key_is_refused_without_being_repeated(tmp_path: Path) -> None:
    secret = str(pyrage.x25519.Identity.generate())
    with pytest.raises(keys.WrongMaster) as caught:
        KeyStore(tmp_path / "keys", master=secret[:-1] + ("Q" if secret[-1] != "Q" else "P")).prepare()
    assert secret[20:40] not in str(caught.value)


def test_the_environment_gives_the_master_key_by_value_or_by_file(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_text("AGE-SECRET-KEY-1FROMFILE")
    assert keys.master_from({}) is None
    assert keys.master_from({"SMOALL_MASTER_KEY": "AGE-SECRET-KEY-1X"}) == "AGE-SECRET-KEY-1X"
    assert keys.master_from({"SMOALL_MASTER_KEY_FILE": str(file)}) == "AGE-SECRET-KEY-1FROMFILE"
    with pytest.raises(keys.WrongMaster):
        keys.master_from({"SMOALL_MASTER_KEY_FILE": str(tmp_path / "absent")})


# --- signatures -------------------------------------------------------------------------------------------
def test_a_signature_fits_its_bytes_and_no_others(store: KeyStore) -> None:
    signature = store.sign(b"certificate")
    keys.verify(b"certificate", signature, store.public_keys())
    for data in (b"certificate ", b"Certificate", b""):
        with pytest.raises(keys.BadSignature):
            keys.verify(data, signature, store.public_keys())


@pytest.mark.parametrize("value", ["", "!!", "AAAA", "é"])
def test_a_broken_signature_is_refused_and_does_not_crash(store: KeyStore, value: str) -> None:
    key_id = store.sign(b"x").key_id
    with pytest.raises(keys.BadSignature):
        keys.verify(b"x", keys.Signature(key_id, value), store.public_keys())


def test_a_signature_by_a_stranger_is_refused(store: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(keys.BadSignature, match="not in the list"):
        keys.verify(b"x", KeyStore(tmp_path / "other").sign(b"x"), store.public_keys())


def test_after_a_rotation_old_signatures_verify_and_the_old_private_half_is_gone(store: KeyStore) -> None:
    old = store.sign(b"x")
    new_id = store.rotate()
    new = store.sign(b"x")
    assert new.key_id == new_id != old.key_id
    for signature in (old, new):
        keys.verify(b"x", signature, store.public_keys())
    assert not (store.root / "signing" / f"{old.key_id}.key").exists()


def test_the_published_document_reads_back_and_an_altered_one_is_refused(store: KeyStore) -> None:
    store.sign(b"x")
    store.rotate()
    document = store.public_document()
    assert keys.parse_public_keys(json.dumps(document)) == store.public_keys()
    assert [entry["in_use"] for entry in document["keys"]].count(True) == 1
    document["keys"][0]["public_key"] = base64.b64encode(bytes(32)).decode()
    with pytest.raises(keys.BadKey):
        keys.parse_public_keys(json.dumps(document))
    for text in ("", "[]", "{}", '{"keys": 3}', '{"keys": [{"id": "x"}]}', "[" * 100_000):
        with pytest.raises(keys.BadKey):
            keys.parse_public_keys(text)


# --- keyed hashes -----------------------------------------------------------------------------------------
def test_hashes_are_steady_differ_by_purpose_and_by_deployment(store: KeyStore, tmp_path: Path) -> None:
    again, elsewhere = KeyStore(store.root), KeyStore(tmp_path / "other")
    assert store.name_hash("acme") == again.name_hash(" ACME ") != elsewhere.name_hash("acme")
    assert store.deployment() == again.deployment() != store.name_hash("")
    assert len(bytes.fromhex(store.name_hash("acme"))) == 32


def test_a_lost_hash_key_is_reported_and_not_replaced(store: KeyStore) -> None:
    store.prepare()
    (store.root / "name.key").unlink()
    with pytest.raises(keys.BadKey, match=r"name\.key"):
        KeyStore(store.root).name_hash("acme")


# --- two processes at once --------------------------------------------------------------------------------
def _start(root: str, tenant: str, gate: object, answers: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    store = KeyStore(Path(root))
    store.prepare()
    store.ensure(UUID(tenant))
    answer = (store.recipient(UUID(tenant)), store.name_hash("acme"), store.sign(b"x").key_id)
    answers.put(answer)  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree_on_every_key(store: KeyStore) -> None:
    spawn = multiprocessing.get_context("fork")
    gate, answers, tenant = spawn.Barrier(8), spawn.Queue(), uuid4()
    arguments = (str(store.root), str(tenant), gate, answers)
    started = [spawn.Process(target=_start, args=arguments) for _ in range(8)]
    for process in started:
        process.start()
    found = {answers.get(timeout=30) for _ in started}
    for process in started:
        process.join()
    assert len(found) == 1
    assert len(list((store.root / "signing").glob("*.pub"))) == 1
