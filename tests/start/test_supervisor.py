"""scripts/run as people meet it: the first start, the second, the killed one, the one that cannot be."""

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from config import data_folder, embedded_postgres, processes, supervisor
from tests.start.conftest import Miniature, free_port

Eventually = Callable[[Callable[[], bool]], bool]
FIRST = ["prepare", "replay_ledger", "styles", "messages", "collectstatic", "demo"]


def status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "smoall.localhost"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_a_first_start_does_everything_and_a_second_one_only_what_is_needed(miniature: Miniature) -> None:
    run = miniature.run()
    ready = run.wait_ready()
    assert status(run.port) == 200
    assert ready["addresses"] == [{"who": "Acme", "url": f"http://acme.smoall.localhost:{run.port}/"}]
    assert ready["sign_ins"][0]["email"] == "olga@acme.test"
    assert run.calls() == FIRST
    members = run.members()
    code, said = run.end(signal.SIGINT)
    assert code == 0
    assert "Owner of Acme" in said and "olga@acme.test" in said and "secret" in said
    assert not run.ready_file.exists(), "the file says that pages answer"
    assert not any(processes.exists(pid) for pid in members)
    assert not embedded_postgres.is_alive(run.data)
    assert stat.S_IMODE(run.data.stat().st_mode) == 0o700

    began = time.monotonic()
    again = miniature.run()
    again.wait_ready()
    assert time.monotonic() - began < 5
    assert again.calls() == FIRST
    assert again.end()[0] == 0


def test_a_step_is_repeated_when_what_it_reads_or_wrote_has_changed(miniature: Miniature) -> None:
    def next_start(port: int | None = None) -> list[str]:
        before = len(miniature.runs[-1].calls()) if miniature.runs else 0
        run = miniature.run(port=port)
        assert f":{run.port}/" in run.wait_ready()["addresses"][0]["url"]
        run.end()
        return run.calls()[before:]

    assert next_start() == FIRST
    (miniature.root / "shared_apps" / "kit" / "page.html").write_text("<p>New</p>")
    (miniature.data / "static" / "app.css").unlink()
    assert next_start() == ["styles", "collectstatic"]

    (miniature.data / "secret.key").write_text("another: the logins' passwords come from it")
    assert next_start(port=free_port()) == ["prepare", "demo"], "the demo's addresses carry the port"

    (miniature.data / "ledger").mkdir()
    (miniature.data / "ledger" / "erasures.jsonl").write_text("a line")
    assert next_start() == ["replay_ledger", "demo"], "somebody was erased, or the ledger was put back"

    server = embedded_postgres.start(miniature.data)
    connection = psycopg2.connect(server.url("smoall"))
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations VALUES (1, 'tenants', '0001_initial')")
        cursor.execute("INSERT INTO tenants_ledgerhead VALUES (1, 'another head')")
    connection.close()
    assert next_start() == ["prepare", "replay_ledger", "demo"], "somebody put another database in its place"


def test_a_killed_supervisor_leaves_nothing_that_a_new_start_does_not_clear(
    miniature: Miniature, eventually: Eventually
) -> None:
    run = miniature.run()
    run.wait_ready()
    assert eventually(lambda: (run.data / "grandchild").exists())
    grandchild = int((run.data / "grandchild").read_text())
    run.process.kill()
    run.process.communicate()
    assert eventually(lambda: status(run.port) == 0), "the web process ends with its parent"
    assert processes.exists(grandchild), "this one ignores the request to end"
    assert embedded_postgres.is_alive(run.data)
    again = miniature.run()
    again.wait_ready()
    assert not processes.exists(grandchild)
    code, said = again.end()
    assert code == 0 and "killed predecessor" in said


def test_a_process_or_a_database_that_dies_is_started_again(
    miniature: Miniature, eventually: Eventually
) -> None:
    run = miniature.run()
    run.wait_ready()
    for pid in run.members():
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: status(run.port) == 0)
    assert eventually(lambda: status(run.port) == 200)
    os.kill(
        int((run.data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL
    )
    assert eventually(lambda: embedded_postgres.running(run.data) is not None)
    assert run.process.poll() is None
    said = run.end()[1]
    assert "The web process ended (signal SIGKILL)" in said
    assert "PostgreSQL ended; starting it again … done" in said


@pytest.mark.parametrize("started", ["by the same token", "by another"])
def test_only_processes_that_carry_the_token_of_a_run_are_its_own(tmp_path: Path, started: str) -> None:
    """A process number proves nothing: only what carries the recorded token is ever ended."""
    token = "a" * 32 if started == "by the same token" else "b" * 32
    environment = {"PATH": os.environ["PATH"], processes.RUN: token, "SMOALL_PROCESS": "worker"}
    stranger = processes.spawn(
        ["sleep", "60"], environment=environment, folder=tmp_path, log=tmp_path / "log"
    )
    try:
        assert processes.members("a" * 32) == ([stranger.pid] if token == "a" * 32 else [])
        assert processes.members("a" * 32, "web") == []
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_run_from_the_same_folder_is_refused_and_the_first_goes_on(miniature: Miniature) -> None:
    run = miniature.run("--no-demo")
    assert run.wait_ready()["sign_ins"] == []
    assert "demo" not in run.calls()
    for options in ((), ("--reset",)):
        code, said = miniature.run(*options, port=free_port()).end(signal.SIGCONT)
        assert code == 1
        assert f"already runs from {miniature.data} (process {run.process.pid}, port {run.port})" in said
    assert status(run.port) == 200 and run.ready_file.exists()


def test_a_step_that_fails_is_said_in_a_sentence_and_the_next_start_continues(miniature: Miniature) -> None:
    miniature.data.mkdir()
    (miniature.data / "smoall.json").write_text('{"release": "0.0.1"}')
    (miniature.data / "fail").write_text("collectstatic")
    code, said = miniature.run().end(signal.SIGCONT)
    assert code == 1 and "Collecting the pages' files failed: The moon is in the way." in said
    assert "Traceback" not in said
    assert not embedded_postgres.is_alive(miniature.data)

    (miniature.data / "fail").write_text("demo")
    run = miniature.run()
    website = run.wait_ready()["addresses"][0]
    assert website["url"] == f"http://smoall.localhost:{run.port}/", "without a demo the product starts too"
    assert run.calls().count("prepare") == 1
    assert "not complete: The moon is in the way." in run.end()[1]


def test_a_port_in_use_is_said_in_a_sentence(miniature: Miniature) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = miniature.run(port=port).end(signal.SIGCONT)
    assert code == 1
    assert (
        said.strip()
        == f"Port {port} is in use by another program: end that, or choose another port with --port."
    )


def test_a_folder_of_a_newer_release_is_left_alone(miniature: Miniature) -> None:
    miniature.data.mkdir()
    (miniature.data / "smoall.json").write_text('{"release": "99.1"}')
    code, said = miniature.run().end(signal.SIGCONT)
    assert code == 1 and "was written by Smoall 99.1" in said and "Traceback" not in said
    assert (miniature.data / "smoall.json").read_text() == '{"release": "99.1"}'
    assert not (miniature.data / "postgres").exists()


@pytest.mark.parametrize("options", [(), ("--reset",)])
def test_a_folder_that_is_not_ours_is_left_alone(miniature: Miniature, options: tuple[str, ...]) -> None:
    miniature.data.mkdir()
    (miniature.data / "novel.txt").write_text("Chapter one")
    code, said = miniature.run(*options).end(signal.SIGCONT)
    assert code == 1 and str(miniature.data) in said and "Traceback" not in said
    assert [path.name for path in miniature.data.iterdir()] == ["novel.txt"]


def test_a_reset_begins_anew(miniature: Miniature) -> None:
    miniature.run().wait_ready()
    miniature.runs[-1].end()
    (miniature.data / "files").mkdir()
    run = miniature.run("--reset")
    run.wait_ready()
    assert not (miniature.data / "files").exists()
    assert run.calls() == FIRST


def test_a_signal_during_a_step_ends_everything(miniature: Miniature, eventually: Eventually) -> None:
    (miniature.root / "shared_apps" / "kit" / "styles.py").write_text("import time; time.sleep(60)")
    run = miniature.run()
    assert eventually(lambda: (run.data / "log" / "start.log").exists() and "prepare" in run.calls())
    time.sleep(0.5)
    code, said = run.end()
    assert code == 0 and "Traceback" not in said
    assert not embedded_postgres.is_alive(run.data)


def test_a_database_that_does_not_answer_is_said_without_its_password(miniature: Miniature) -> None:
    url = f"postgresql://smoall:very-secret@127.0.0.1:{free_port()}/smoall"
    code, said = miniature.run(DATABASE_URL=url).end(signal.SIGCONT)
    assert code == 1 and "does not answer" in said
    assert "very-secret" not in said and "Traceback" not in said


def test_the_logs_hold_neither_addresses_nor_paths(miniature: Miniature) -> None:
    run = miniature.run()
    run.wait_ready()
    with socket.create_connection(("127.0.0.1", run.port)) as raw:
        raw.sendall(b"GET /canary-path HTTP/9.9\r\nX-Canary: 1\r\n\r\n")
        raw.recv(1000)
    connection = http.client.HTTPConnection("127.0.0.1", run.port)
    connection.request("GET", "/canary-path?q=canary-query", headers={"Host": "canary-host.smoall.localhost"})
    connection.getresponse().read()
    connection.close()
    run.end()
    log = (run.data / "log" / "web.log").read_text()
    assert " GET 404 " in log
    assert "A request that is not valid HTTP was refused" in log
    assert "canary" not in log and "127.0.0.1 " not in log and "ip=" not in log


def test_a_nearly_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = data_folder.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(data_folder.shutil, "disk_usage", lambda path: usage._replace(free=12 << 20))
    with pytest.raises(data_folder.CannotStart, match="12 MB are free"):
        data_folder.DataFolder(tmp_path / "data").claim()


def test_a_full_disk_during_a_step_is_said_as_such(tmp_path: Path) -> None:
    log = tmp_path / "start.log"
    log.write_text(
        "psycopg2.errors.DiskFull: could not extend file: No space left on device\nHINT: Check free space.\n"
    )
    assert supervisor._reason(log, 0).startswith("the disk is full")


def test_the_releases_of_the_package_and_the_settings_are_one() -> None:
    from django.conf import settings

    assert data_folder.release() == settings.SMOALL_RELEASE


# --- the stand-in for the payment processor -------------------------------------------------------------------------


def payments_answers(address: str) -> bool:
    port = int(address.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": f"payments.localhost:{port}"})
        return b"no money moves" in connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()


def test_the_stand_in_for_payments_runs_beside_the_pages_and_keeps_its_port(
    miniature: Miniature, eventually: Eventually
) -> None:
    run = miniature.run("--no-demo")
    ready = run.wait_ready()
    address = ready["payments"]
    assert eventually(lambda: payments_answers(address))
    for pid in run.members():
        if b"config.payments" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not payments_answers(address))
    assert eventually(lambda: payments_answers(address)), "it is started again"
    run.process.kill()
    run.process.communicate()
    again = miniature.run("--no-demo")
    assert again.wait_ready()["payments"] == address, (
        "a killed predecessor's port is free again, and remembered"
    )
    code, said = again.end()
    assert code == 0 and "Payments (a stand-in)" in said and address in said
    assert not payments_answers(address)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(address.rstrip("/").rpartition(":")[2])))
        taken.listen()
        elsewhere = miniature.run("--no-demo").wait_ready()["payments"]
    assert elsewhere != address and eventually(lambda: payments_answers(elsewhere))


def test_with_a_key_of_the_processor_there_is_no_stand_in(miniature: Miniature) -> None:
    run = miniature.run("--no-demo", SMOALL_STRIPE_KEY="sk_test_x", SMOALL_STRIPE_WEBHOOK_SECRET="whsec_x")
    assert "payments" not in run.wait_ready()
    assert not any(b"config.payments" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in run.members())


def test_the_stand_in_refuses_to_run_in_production(miniature: Miniature) -> None:
    environment = os.environ | {"SMOALL_ENV": "production", "SMOALL_DATA": str(miniature.data)}
    for name in ("SMOALL_STRIPE_KEY", "SMOALL_STRIPE_WEBHOOK_SECRET"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "config.payments"],
        cwd=miniature.root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "moves no money and does not run in production" in done.stderr
    assert "Traceback" not in done.stderr
