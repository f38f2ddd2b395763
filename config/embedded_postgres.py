"""The PostgreSQL server that Smoall runs for itself when no DATABASE_URL is given.

One server per data folder, on loopback TCP with a password; its programs are postgres_programs.py's matter. Starting is
idempotent: a live server is taken over, a dead one recovered. Django is not known here.
"""

import argparse
import contextlib
import errno
import fcntl
import json
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from config import postgres_programs
from config.postgres_programs import Account, ServerError
from config.processes import end_with_parent, exists

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 120
STOP_SECONDS = 60
# Below the range that outgoing connections use, so that a remembered port is seldom taken.
PORTS = (20000, 32000)

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "150",
    # One dropped tenant schema locks a dozen objects per table.
    "max_locks_per_transaction": "256",
    "min_wal_size": "64MB",
    "max_wal_size": "256MB",
    # A recycled segment would keep what an erasure removed.
    "wal_recycle": "off",
    # A server process that dies takes all of them along: the next start removes what it leaves.
    "restart_after_crash": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log keeps a week, and neither an address nor a row's value: no %h or %r, no statements, no details.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_line_prefix": "%m [%p] ",
    "log_connections": "",
    "log_disconnections": "off",
    "log_hostname": "off",
    "log_statement": "none",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "cluster_name": "smoall",
}
# Nothing but the power cut is given up: what the server has written stays in the operating system's memory, and a
# server that is killed recovers from it as a durable one does. With asynchronous commits or without whole pages in
# the log it would not.
NOT_DURABLE = {"fsync": "off"}
NODE = re.compile(r"\d+(_(fsm|vm|init))?(\.\d+)?\Z")  # a file of a table, index or sequence
OWNED = "SELECT pg_relation_filenode(oid) FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL"
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class Server:
    """A running server: where it listens and how its superuser signs in."""

    host: str
    port: int
    data: Path
    superuser: str
    superuser_password: str

    def url(self, database: str = "postgres") -> str:
        """The superuser's libpq URL of `database`."""
        return f"postgresql://{self.superuser}:{quote(self.superuser_password)}@{self.host}:{self.port}/{database}"


# --- public -------------------------------------------------------------------------------------------------


def start(data: Path, *, durable: bool = True) -> Server:
    """Start the server of the data folder `data`, or take over the one that runs, once it answers.

    Makes the cluster on first use. `durable=False` turns fsync off and is meant for tests alone.
    Raises ServerError with a sentence for people.
    """
    data = data.absolute()
    try:
        home = _home(data)
        with _lock(home):
            password = _password(data)
            cluster = home / "cluster"
            account = _account(cluster)
            if not (cluster / "PG_VERSION").exists():
                _initialise(home, account, password, durable)
            if server := _live(data, password):
                return server
            _clear_dead(cluster)
            before = {path for folder in (cluster / "base").iterdir() for path in _files(folder)}
            server = _launch(data, account, password, durable)
            with contextlib.suppress(
                psycopg2.Error
            ):  # the next start removes what this one could not ask about
                _remove_unowned(server, cluster, before)
            return server
    except OSError as error:
        raise ServerError(_sentence(error, data)) from error


def stop(data: Path) -> None:
    """End the server of `data` if one runs: open transactions roll back, everything is on disk afterwards."""
    data = data.absolute()
    home = data / "postgres"
    if not (home / "cluster").is_dir():
        return
    with _lock(home):
        for sign, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 15), (signal.SIGKILL, 5)):
            pid = _postmaster(home / "cluster")
            if pid is None:
                return
            everyone = {pid, *_server_processes(home / "cluster")}
            os.kill(pid, sign)
            if _wait_gone(home / "cluster", everyone, patience):
                return
        raise ServerError("PostgreSQL does not end; see its log in " + str(home / "cluster" / "log") + ".")


def running(data: Path) -> Server | None:
    """The live server of `data`, or None; starts nothing."""
    data = data.absolute()
    if not (data / "postgres" / "cluster").is_dir():
        return None
    return _live(data, _password(data))


def is_alive(data: Path) -> bool:
    """Whether the server's process runs. Opens no connection, so it may be asked every few seconds."""
    return _postmaster(data.absolute() / "postgres" / "cluster") is not None


def is_made(data: Path) -> bool:
    """Whether a server was started from `data` before, so that it has an address."""
    return (data / "postgres" / "port").is_file()


def admin_url(data: Path) -> str:
    """The superuser's URL of the server of `data`, whether it runs at the moment or not.

    Reads two files and opens no connection. Raises ServerError when it was never started.
    """
    data = data.absolute()
    try:
        port = int((data / "postgres" / "port").read_text())
        return Server(HOST, port, data, SUPERUSER, _password(data)).url()
    except FileNotFoundError:
        raise ServerError(f"No PostgreSQL was started for {data} yet: run scripts/run.") from None
    except OSError as error:
        raise ServerError(_sentence(error, data)) from error


# --- the folder ---------------------------------------------------------------------------------------------


def _home(data: Path) -> Path:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = data / "postgres"
    home.mkdir(mode=0o711, exist_ok=True)
    return home


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """One start or stop at a time; the lock falls with the process that holds it."""
    with (home / "lock").open("a") as file:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServerError(f"Another command starts or stops PostgreSQL in {home}.") from None
                time.sleep(0.05)
        yield


def _password(data: Path) -> str:
    """The superuser's password in secrets.json (mode 0600), made on first use; other entries stay."""
    path = data / "secrets.json"
    try:
        entries = json.loads(path.read_text())
    except FileNotFoundError:
        entries = {}
    if "postgres_password" not in entries:
        entries["postgres_password"] = secrets.token_urlsafe(24)
        handle, temporary = tempfile.mkstemp(dir=data, prefix=".secrets-")
        with os.fdopen(handle, "w") as file:
            json.dump(entries, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    return str(entries["postgres_password"])


def _account(cluster: Path) -> Account:
    """PostgreSQL refuses to run as root: root hands it to the cluster's owner, `nobody` at first."""
    if os.geteuid() != 0:
        return Account(None, None)
    if cluster.exists() and cluster.stat().st_uid != 0:
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


def _initialise(home: Path, account: Account, password: str, durable: bool) -> None:
    """initdb beside the cluster's place, renamed when complete: a kill leaves no half cluster."""
    new, secret = home / "new", home / "password"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    try:
        secret.write_text(password)
        if account.uid is not None and account.gid is not None:
            os.chown(new, account.uid, account.gid)
            os.chown(secret, account.uid, account.gid)
        command = ["initdb", "-D", postgres_programs.seen(new, account), "-U", SUPERUSER]
        command += ["-A", "scram-sha-256", "--pwfile", "../password"]
        command += ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += [] if durable else ["--no-sync"]
        call = postgres_programs.call(account, command, new, home)
        made = subprocess.run(capture_output=True, text=True, errors="replace", **call)
        if made.returncode != 0:
            raise ServerError(
                "PostgreSQL could not make its files: " + _last_error(made.stderr + made.stdout)
            )
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    finally:
        secret.unlink(missing_ok=True)
    new.rename(home / "cluster")


# --- finding the living and the dead ------------------------------------------------------------------------


def _live(data: Path, password: str) -> Server | None:
    """The server that serves this very folder, once it answers; None when there is none."""
    cluster = data / "postgres" / "cluster"
    deadline = time.monotonic() + START_SECONDS
    while _postmaster(cluster) is not None:
        port = _listening_port(cluster)
        server = Server(HOST, port, data, SUPERUSER, password) if port else None
        if server and _answers(server):
            return server
        if time.monotonic() > deadline:
            raise ServerError(f"PostgreSQL runs but accepts no connection; see {cluster / 'log'}.")
        time.sleep(0.1)
    return None


def _answers(server: Server) -> bool:
    """Whether a real session opens: a pid file and an open port prove nothing."""
    try:
        connection = psycopg2.connect(server.url(), connect_timeout=5)
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise ServerError("secrets.json does not hold this PostgreSQL's password.") from None
        return False
    connection.close()
    return True


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _listening_port(cluster: Path) -> int | None:
    lines = _pid_file(cluster)
    return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None


def _postmaster(cluster: Path) -> int | None:
    """The pid of the live server of this folder. A pid that now belongs to anything else does not count."""
    lines = _pid_file(cluster)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    _reap(pid)
    return pid if _works_in(pid, cluster) else None


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _works_in(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a process whose working directory is the cluster, as every server process's is."""
    if sys.platform != "linux":
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            return True
        return False
    try:
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), cluster.stat())
    except OSError:
        return False


def _server_processes(cluster: Path) -> list[int]:
    if sys.platform != "linux":
        return []
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _is_server(pid, cluster)]


def _is_server(pid: int, cluster: Path) -> bool:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return False
    return name == "postgres" and _works_in(pid, cluster)


def _clear_dead(cluster: Path) -> None:
    """Remove the pid file of a dead server, once no process of it is left that could still write.

    PostgreSQL itself would refuse to start when the old pid now belongs to another process of its account.
    """
    if not _pid_file(cluster):
        return
    deadline = time.monotonic() + 30
    while left := _server_processes(cluster):
        if time.monotonic() > deadline:
            raise ServerError(f"Processes of a dead PostgreSQL still work in {cluster}: {left}. End them.")
        time.sleep(0.1)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _wait_gone(cluster: Path, pids: set[int], seconds: float) -> bool:
    """Whether the processes themselves are gone in time: the pid file goes a moment earlier."""
    lives = exists if sys.platform == "linux" else lambda pid: _works_in(pid, cluster)
    deadline = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        for pid in pids:
            _reap(pid)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# --- what a killed server leaves ----------------------------------------------------------------------------


def _files(database: Path) -> set[Path]:
    """The files of tables, indexes and sequences in a database's folder."""
    return {path for path in database.iterdir() if NODE.match(path.name)}


def _remove_unowned(server: Server, cluster: Path, before: set[Path]) -> None:
    """Remove what transactions had written that the server's death ended: it forgets their tables and keeps the files.

    They hold rows of clients, a restored one's say, and no erasure would find them. `before` was there when no server
    ran. Whoever is connected by now may have begun a table that only they can see: then no newer file is touched.
    """
    with _asking(server.url()) as cursor:
        cursor.execute("SELECT oid, datname FROM pg_database WHERE datallowconn")
        databases = cursor.fetchall()
    for number, name in databases:
        with _asking(server.url(name)) as cursor:
            found = _files(cluster / "base" / str(number))
            cursor.execute(OTHERS)
            if cursor.fetchone() != (0,):
                found &= before
            cursor.execute(OWNED)
            owned = {str(node) for (node,) in cursor.fetchall()}
        for path in found:
            if path.name.replace("_", ".").split(".")[0] not in owned:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _asking(url: str) -> Iterator[Any]:
    """Each question sees what was committed until then."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


# --- starting -----------------------------------------------------------------------------------------------


def _launch(data: Path, account: Account, password: str, durable: bool) -> Server:
    home = data / "postgres"
    for _ in range(5):
        port = _choose_port(home)
        if server := _try_launch(data, account, password, port, durable):
            return server
    raise ServerError("PostgreSQL found no free port on 127.0.0.1.")


def _try_launch(data: Path, account: Account, password: str, port: int, durable: bool) -> Server | None:
    """One attempt; None when the port was taken in the meantime."""
    home, cluster = data / "postgres", data / "postgres" / "cluster"
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), "port": str(port)}
    command = ["postgres", "-D", postgres_programs.seen(cluster, account)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (home / "start.log").open("wb") as log:
        # Its own session: Ctrl-C in the terminal reaches the supervisor alone, which then ends it in order.
        child = subprocess.Popen(
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # A test's server does not outlive a test run that is killed.
            preexec_fn=None if durable else end_with_parent(signal.SIGQUIT),
            **postgres_programs.call(account, command, cluster, home),
        )
    deadline = time.monotonic() + START_SECONDS
    server = Server(HOST, port, data, SUPERUSER, password)
    while child.poll() is None:
        if _ready(port) and _postmaster(cluster) == child.pid and _answers(server):
            (home / "port").write_text(f"{port}\n")
            # It outlives this object on purpose; without this, Python would warn about a child still running.
            child.returncode = 0
            return server
        if time.monotonic() > deadline:
            child.kill()
            child.wait()
            raise ServerError(f"PostgreSQL was not ready within {START_SECONDS} s; see {cluster / 'log'}.")
        time.sleep(0.03)
    said = _logged(home)
    if "could not bind" in said or "Address already in use" in said:
        return None
    raise ServerError("PostgreSQL did not start: " + _last_error(said))


def _ready(port: int) -> bool:
    checked = subprocess.run(
        [postgres_programs.bin("pg_isready"), "-q", "-h", HOST, "-p", str(port)], capture_output=True
    )
    return checked.returncode == 0


def _choose_port(home: Path) -> int:
    """The port used last time when it is free, so that what people noted stays right; else another one."""
    with contextlib.suppress(OSError, ValueError):
        remembered = int((home / "port").read_text())
        if _free(remembered):
            return remembered
    for port in random.sample(range(*PORTS), 200):
        if _free(port):
            return port
    raise ServerError("No free port was found on 127.0.0.1 for PostgreSQL.")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


# --- sentences ----------------------------------------------------------------------------------------------


def _logged(home: Path) -> str:
    """What the server said while starting: on its error stream, then in the newest log of the cluster."""
    said = (home / "start.log").read_text(errors="replace")
    logs = sorted((home / "cluster" / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    return said + "".join(path.read_text(errors="replace")[-4000:] for path in logs[-1:])


def _last_error(said: str) -> str:
    if "No space left on device" in said:
        return "the disk is full."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:"))]
    return (telling or lines or ["it gave no reason."])[-1]


def _sentence(error: OSError, data: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {data} is full."
    if isinstance(error, PermissionError):
        return f"{error.filename or data} belongs to another user: start as that user, or use another --data."
    return f"PostgreSQL could not be handled in {data}: {error.strerror or error}."


def main(arguments: list[str] | None = None) -> int:
    """Start or stop the embedded PostgreSQL of a data folder, or print its superuser's address."""
    parser = argparse.ArgumentParser(
        prog="python -m config.embedded_postgres", description="The embedded PostgreSQL."
    )
    parser.add_argument("action", choices=("start", "stop", "url"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SMOALL_DATA") or "var"))
    given = parser.parse_args(arguments)
    try:
        if given.action == "start":
            server = start(given.data)
            sys.stdout.write(f"PostgreSQL listens on {server.host}:{server.port}\n")
        elif given.action == "stop":
            stop(given.data)
        else:
            sys.stdout.write(admin_url(given.data) + "\n")
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
