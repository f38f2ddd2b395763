"""The erasure ledger: nothing is lost in a crash, nothing changes unseen, nobody is named."""

import json
import multiprocessing
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tenants import ledger as ledger_module
from tenants.ledger import BadEntry, Entry, Head, Kind, Ledger, LedgerBroken, Recorded

NOW = datetime(2026, 11, 23, 5, 10, tzinfo=UTC)


def an_entry(tenant: UUID | None = None, kind: Kind = "data") -> Entry:
    return Entry(
        kind=kind,
        tenant=tenant or uuid4(),
        client=uuid4(),
        requested_at=NOW,
        erased_at=NOW + timedelta(hours=12),
        name_hash="ab" * 32,
        certificate='{"a":"é\\n"}',
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def three(ledger: Ledger) -> Ledger:
    for _ in range(3):
        ledger.append(an_entry())
    return ledger


def test_an_empty_ledger_holds_nobody(ledger: Ledger) -> None:
    assert ledger.entries() == []
    assert ledger.verify_chain() == Head(0, "0" * 64)
    assert not ledger.contains(uuid4())


def test_entries_come_back_as_they_were_written(ledger: Ledger) -> None:
    written = [an_entry() for _ in range(3)]
    recorded = [ledger.append(entry) for entry in written]
    assert [each.entry for each in ledger.entries()] == written
    assert ledger.entries() == recorded
    assert [each.seq for each in recorded] == [1, 2, 3]
    assert [each.previous for each in recorded[1:]] == [each.hash for each in recorded[:-1]]
    assert ledger.contains(written[1].tenant)


def test_a_tenants_data_and_its_clients_contact_details_are_two_entries(ledger: Ledger) -> None:
    tenant = uuid4()
    ledger.append(an_entry(tenant))
    assert not ledger.contains(tenant, "contacts")
    ledger.append(replace(an_entry(tenant, "contacts"), links=2))
    assert ledger.contains(tenant, "contacts") and ledger.entries()[-1].entry.links == 2
    assert len(ledger.entries()) == 2


def test_a_step_that_runs_again_adds_nothing_and_the_first_entry_stands(ledger: Ledger) -> None:
    tenant = uuid4()
    first = ledger.append(an_entry(tenant))
    before = ledger.path.read_bytes()
    later = replace(an_entry(tenant), erased_at=NOW + timedelta(days=9))
    assert ledger.append(later) == first
    assert ledger.path.read_bytes() == before


def a_person(tenant: UUID, row: UUID, *, days: int = 0) -> Entry:
    asked = NOW + timedelta(days=days)
    return Entry(
        kind="person", tenant=tenant, client=tenant, requested_at=asked, erased_at=asked + timedelta(hours=12),
        model="contacts.Contact", row=row,
    )  # fmt: skip


def test_a_person_is_one_entry_an_instruction_and_says_no_more_than_which_row(three: Ledger) -> None:
    """A row that was emptied may be given to somebody else, who is erased in their turn."""
    tenant, row = uuid4(), uuid4()
    first = three.append(a_person(tenant, row))
    assert three.append(replace(a_person(tenant, row), erased_at=NOW + timedelta(days=2))) == first
    others = [a_person(tenant, uuid4()), a_person(tenant, row, days=1), a_person(uuid4(), row)]
    for entry in others:
        three.append(entry)
    assert [one.entry for one in three.entries()[3:]] == [first.entry, *others]
    assert three.people(tenant) == [first.entry, *others[:2]]
    assert three.people(tenant, since=NOW + timedelta(days=1)) == [others[1]]
    assert not three.contains(tenant) and not three.contains(tenant, "contacts")
    line = json.loads(three.path.read_bytes().splitlines()[3])
    assert line.keys() - json.loads(three.path.read_bytes().splitlines()[0]).keys() == {"model", "row"}
    copied = replace(a_person(uuid4(), row), origins=(uuid4(), tenant))  # of a copy's copy
    three.append(copied)
    assert three.people(tenant)[-1] == three.people(copied.tenant)[0] == copied
    for wrong in ({"model": "Ida Zwart"}, {"row": None}, {"kind": "data"}):
        with pytest.raises(BadEntry):
            three.append(replace(first.entry, **wrong))  # type: ignore[arg-type]


def test_folder_and_file_are_for_the_owner_alone(three: Ledger) -> None:
    assert stat.S_IMODE(three.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(three.path.stat().st_mode) == 0o600


# --- a crash in the middle of a line ----------------------------------------------------------------------
def test_cut_anywhere_in_its_last_line_it_loses_no_whole_entry_and_takes_the_next(
    three: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # two thousand of them take their time
    whole = three.path.read_bytes()
    chain = three.entries()
    start = whole.rindex(b"\n", 0, -1) + 1
    again, more = chain[2].entry, an_entry()
    for cut in range(start, len(whole)):
        three.path.write_bytes(whole[:cut])
        kept = 3 if cut == len(whole) - 1 else 2  # without its line feed the entry itself is whole
        assert three.entries() == chain[:kept], cut
        assert three.verify_chain().seq == kept
        assert three.append(again) == chain[2], cut  # the saga writes what the crash took, to the byte
        assert three.path.read_bytes() == whole
        three.path.write_bytes(whole[:cut])
        assert three.append(more).seq == kept + 1
        assert three.verify_chain().seq == kept + 1


def test_an_entry_is_on_the_disk_before_append_returns(
    three: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    three.append(an_entry())
    assert synced[-1] == three.path.stat().st_size


@pytest.mark.parametrize("rubbish", [b"\0" * 4096, b"{", b'{"seq":4}', b"\xff\xfe", b"4\r"])
def test_rubbish_after_the_last_line_is_taken_away_by_the_next_writer(three: Ledger, rubbish: bytes) -> None:
    whole = three.path.read_bytes()
    three.path.write_bytes(whole + rubbish)
    assert len(three.entries()) == 3
    three.append(an_entry())
    assert three.path.with_suffix(".cut").read_bytes() == rubbish + b"\n"  # away, yet not lost
    assert three.path.read_bytes().startswith(whole)
    assert three.verify_chain().seq == 4


def test_what_was_verified_is_parsed_again_only_when_a_byte_of_it_changed(
    three: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line takes its time, and the ledger grows: a request waits for what is new alone."""
    parsed: list[bytes] = []
    read = ledger_module._recorded

    def counted(line: bytes) -> Recorded:
        parsed.append(line)
        return read(line)

    monkeypatch.setattr(ledger_module, "_recorded", counted)
    assert len(three.entries()) == 3
    parsed.clear()
    three.append(an_entry())
    assert (three.verify_chain().seq, len(three.people(uuid4())), len(set(parsed))) == (4, 0, 1)
    whole = three.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for altered in (
        whole.replace(b"contacts", b"Contacts", 1),
        lines[0] + lines[2] + lines[3],
        b"[" + whole[1:],
    ):
        three.path.write_bytes(altered)
        with pytest.raises(LedgerBroken):
            three.entries()
        three.path.write_bytes(altered + lines[3])
        with pytest.raises(LedgerBroken):
            three.entries()
    parsed.clear()
    three.path.write_bytes(lines[0])
    assert (len(three.entries()), len(parsed)) == (1, 1), "shorter: read as if for the first time"
    three.path.write_bytes(whole)
    assert (len(three.entries()), len(parsed)) == (4, 4)


# --- somebody alters it -----------------------------------------------------------------------------------
def test_every_flipped_bit_in_a_whole_line_is_noticed(three: Ledger) -> None:
    whole = three.path.read_bytes()
    end = whole.rindex(b"\n", 0, -1)  # the last line: a crash may have cut it, see above
    for at in range(0, end, 3):
        altered = bytearray(whole)
        altered[at] ^= 1 << at % 8
        three.path.write_bytes(altered)
        with pytest.raises(LedgerBroken):
            three.verify_chain()


def test_a_line_that_is_removed_moved_or_doubled_breaks_the_chain(three: Ledger) -> None:
    one, two, last = three.path.read_bytes().splitlines(keepends=True)
    for content in (two + last, one + last, two + one + last, one + one + two, one + two + two):
        three.path.write_bytes(content)
        with pytest.raises(LedgerBroken):
            three.verify_chain()
        with pytest.raises(LedgerBroken):  # and nothing is built upon it
            three.append(an_entry())
        assert three.path.read_bytes() == content


def test_a_ledger_whose_end_was_cut_off_misses_an_end_that_was_seen_before(three: Ledger) -> None:
    seen = three.verify_chain()
    three.append(an_entry())
    assert three.verify_chain(seen).seq == 4
    lines = three.path.read_bytes().splitlines(keepends=True)
    three.path.write_bytes(b"".join(lines[:2]))
    assert three.verify_chain().seq == 2
    with pytest.raises(LedgerBroken, match="cut or replaced"):
        three.verify_chain(seen)


# --- nobody is named --------------------------------------------------------------------------------------
def test_a_line_holds_these_words_and_no_others(three: Ledger) -> None:
    line = json.loads(three.path.read_bytes().splitlines()[0])
    assert sorted(line) == [
        "certificate",
        "client",
        "contacts_on",
        "erased_at",
        "hash",
        "kind",
        "name_hash",
        "previous",
        "requested_at",
        "seq",
        "tenant",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name_hash": "acme"},
        {"name_hash": "Z" * 64},
        {"certificate": "olga@acme.test"},
        {"kind": "Olga"},
        {"erased_at": NOW.replace(tzinfo=None)},
    ],
)
def test_an_entry_that_could_name_somebody_or_has_no_time_zone_is_refused(
    ledger: Ledger, wrong: dict[str, Any]
) -> None:
    with pytest.raises(BadEntry):
        ledger.append(replace(an_entry(), **wrong))
    assert ledger.entries() == []


# --- several writers --------------------------------------------------------------------------------------
def _append(folder: str, tenants: list[str], gate: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    for tenant in tenants:
        Ledger(Path(folder)).append(an_entry(UUID(tenant)))


def test_eight_processes_that_append_at_once_make_one_chain_without_doubles(ledger: Ledger) -> None:
    fork = multiprocessing.get_context("fork")
    gate = fork.Barrier(8)
    shared = [str(uuid4()) for _ in range(5)]
    tenants = [[*(str(uuid4()) for _ in range(10)), *shared] for _ in range(8)]
    writers = [fork.Process(target=_append, args=(str(ledger.path.parent), each, gate)) for each in tenants]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert ledger.verify_chain().seq == 8 * 10 + 5
    assert {str(each.entry.tenant) for each in ledger.entries()} == {one for each in tenants for one in each}
