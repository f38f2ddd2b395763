"""The server that Smoall runs for itself: made once, taken over while it lives, recovered when it died."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config import embedded_postgres, postgres_programs
from config.postgres_programs import ServerError
from tests.toys.fixtures import kill_at_once


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    embedded_postgres.stop(folder)


def ask(url: str, question: str) -> str:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            row = cursor.fetchone() if cursor.description else None
            return str(row[0]) if row else ""
    finally:
        connection.close()


def pid_of(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


def test_a_server_is_made_taken_over_and_recovered(data: Path) -> None:
    server = embedded_postgres.start(data)
    assert ask(server.url(), "SHOW server_version").startswith("18.")
    ask(server.url(), "CREATE TABLE kept (id int)")
    pid = pid_of(data)
    assert embedded_postgres.start(data) == server
    assert pid_of(data) == pid, "a live server is taken over"

    os.kill(pid, signal.SIGKILL)
    again = embedded_postgres.start(data)
    assert again == server, "port and password are remembered"
    assert pid_of(data) != pid
    assert ask(again.url(), "SELECT count(*) FROM kept") == "0"

    embedded_postgres.stop(data)
    assert embedded_postgres.running(data) is None
    assert embedded_postgres.admin_url(data) == server.url(), "known while it does not run"


def test_what_a_death_kept_from_being_committed_leaves_no_file(data: Path) -> None:
    """PostgreSQL forgets such a table, and keeps the file with its rows for ever."""
    server = embedded_postgres.start(data, durable=False)
    ask(server.url(), "CREATE TABLE kept AS SELECT n, repeat('x', 900) t FROM generate_series(1, 9999) n")
    ask(server.url(), "CREATE INDEX ON kept (n)")
    begun, file = begin_table(server)
    assert b"canary" in file.read_bytes()
    kill_at_once(embedded_postgres._server_processes(data / "postgres" / "cluster"))
    begun.close()
    again = embedded_postgres.start(data, durable=False)
    assert not file.exists()
    assert ask(again.url(), "SELECT count(*) FROM kept WHERE t LIKE 'x%'") == "9999"
    assert ask(again.url(), "SELECT n FROM kept WHERE n = 77") == "77"
    assert embedded_postgres.start(data) == again
    assert ask(again.url(), "SELECT 1") == "1"


def test_a_table_that_somebody_has_begun_meanwhile_is_left_alone(data: Path) -> None:
    """A web process may be back before the start is over."""
    server = embedded_postgres.start(data, durable=False)
    cluster = data / "postgres" / "cluster"
    before = {path for folder in (cluster / "base").iterdir() for path in folder.iterdir()}
    begun, file = begin_table(server)
    embedded_postgres._remove_unowned(server, cluster, before)
    assert file.exists()
    begun.commit()
    begun.close()
    embedded_postgres._remove_unowned(server, cluster, before)
    assert ask(server.url(), "SELECT count(*) FROM lost WHERE word = 'canary'") == "1000"


def begin_table(server: embedded_postgres.Server) -> tuple[Any, Path]:
    """A table in an open transaction, written to its file, and the connection that it depends on."""
    begun = psycopg2.connect(server.url())
    cursor = begun.cursor()
    cursor.execute("CREATE TABLE lost AS SELECT 'canary' AS word FROM generate_series(1, 1000)")
    cursor.execute("SELECT pg_relation_filepath('lost')")
    file = server.data / "postgres" / "cluster" / cursor.fetchone()[0]
    ask(server.url(), "CHECKPOINT")
    return begun, file


def test_it_listens_on_loopback_alone_with_a_password_and_keeps_its_promises_on_disk(data: Path) -> None:
    server = embedded_postgres.start(data)
    settings = {
        "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_locks_per_transaction": "256",
        "fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB", "server_encoding": "UTF8",
        "log_statement": "none", "log_line_prefix": "%m [%p] ", "wal_recycle": "off",
        "restart_after_crash": "off",
    }  # fmt: skip
    assert {name: ask(server.url(), f"SHOW {name}") for name in settings} == settings
    locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'template1'"
    assert ask(server.url(), locale) == "bC.UTF-8"
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(server.url().replace(server.superuser_password, "wrong"))
    secrets = data / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "postgres" / "cluster").stat().st_mode) == 0o700
    assert not list((data / "postgres").glob("password*"))


def test_errors_leave_no_values_in_the_log(data: Path) -> None:
    server = embedded_postgres.start(data, durable=False)
    ask(server.url(), "CREATE TABLE people (email text UNIQUE)")
    ask(server.url(), "INSERT INTO people VALUES ('canary@example.test')")
    with pytest.raises(psycopg2.Error):
        ask(server.url(), "INSERT INTO people VALUES ('canary@example.test')")
    with pytest.raises(psycopg2.Error):
        ask(server.url(), "SELECT 'canary'::uuid")
    logs = list((data / "postgres" / "cluster" / "log").iterdir())
    assert logs
    assert not any("canary" in log.read_text() for log in logs)


def test_a_pid_file_that_names_a_stranger_does_not_count_as_a_server(data: Path) -> None:
    """After a restart of the machine, an old number often belongs to something else of the same account."""
    server = embedded_postgres.start(data)
    embedded_postgres.stop(data)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        file = data / "postgres" / "cluster" / "postmaster.pid"
        file.write_text(f"{stranger.pid}\n{data}\n1700000000\n{server.port}\n\n127.0.0.1\n  1 2\nready   \n")
        assert embedded_postgres.running(data) is None
        assert ask(embedded_postgres.start(data).url(), "SELECT 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_first_start_that_was_killed_is_begun_anew(data: Path) -> None:
    half = data / "postgres" / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    assert ask(embedded_postgres.start(data, durable=False).url(), "SELECT 1") == "1"
    assert not half.exists()


def test_a_taken_port_is_replaced_by_another(data: Path, tmp_path: Path) -> None:
    first = embedded_postgres.start(tmp_path / "other", durable=False)
    try:
        (data / "postgres").mkdir(parents=True)
        (data / "postgres" / "port").write_text(str(first.port))
        second = embedded_postgres.start(data, durable=False)
        assert second.port != first.port
        assert ask(second.url(), "SELECT 1") == "1"
    finally:
        embedded_postgres.stop(tmp_path / "other")


def test_a_copied_folder_gets_a_server_of_its_own(data: Path, tmp_path: Path) -> None:
    """The copy's pid file names the original's living server: taking that over would mix two deployments."""
    original = embedded_postgres.start(data, durable=False)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(data), str(copy)], check=True)
    try:
        assert embedded_postgres.start(copy, durable=False).port != original.port
        assert ask(original.url(), "SELECT 1") == "1"
    finally:
        embedded_postgres.stop(copy)


def test_starting_twice_at_once_makes_one_server(data: Path) -> None:
    command = [sys.executable, "-m", "config.embedded_postgres", "start", "--data", str(data)]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {start.communicate(timeout=60)[0] for start in starts}
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert len(said) == 1


def test_the_command_prints_the_address_or_a_sentence(data: Path) -> None:
    command = [sys.executable, "-m", "config.embedded_postgres", "url", "--data", str(data)]
    before = subprocess.run(command, capture_output=True, text=True)
    assert before.returncode == 1
    assert before.stderr.startswith("No PostgreSQL was started for")
    server = embedded_postgres.start(data, durable=False)
    after = subprocess.run(command, capture_output=True, text=True)
    assert after.stdout.strip() == server.url()


def test_programs_of_the_same_release_are_found() -> None:
    said = subprocess.run(
        [postgres_programs.bin("pg_dump"), "--version"], capture_output=True, text=True
    ).stdout
    assert " 18." in said
    with pytest.raises(ServerError):
        postgres_programs.bin("pg_nothing")


def test_other_secrets_in_the_file_are_kept(data: Path) -> None:
    data.mkdir()
    (data / "secrets.json").write_text('{"other": "kept"}')
    embedded_postgres.start(data, durable=False)
    assert json.loads((data / "secrets.json").read_text())["other"] == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_hands_the_server_to_an_account_without_opening_any_parent(data: Path) -> None:
    data.mkdir(mode=0o700)
    embedded_postgres.start(data, durable=False)
    assert Path(f"/proc/{pid_of(data)}").stat().st_uid != 0
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
