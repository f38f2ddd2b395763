"""What scripts/run runs: prepares a deployment, starts web and worker, keeps them alive, ends all in order.

Knows no Django: the steps are commands of their own, so that a start with nothing to do is quick and a step
that fails ends with a sentence.
"""

import argparse
import contextlib
import http.client
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from config import embedded_postgres, processes, start_steps
from config.data_folder import ROOT, CannotStart, DataFolder, sentence, write_json
from config.postgres_programs import ServerError
from config.start_steps import Step

READY_SECONDS = 60
END_SECONDS = 10
LOOK_SECONDS = 0.2
DATABASE_LOOK_SECONDS = 2.0


class Stopped(Exception):
    """Somebody asked us to end while we were starting."""


class Supervisor:
    """One run of Smoall from one data folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = DataFolder(options.data)
        self.data = self.folder.path
        self.external = os.environ.get("DATABASE_URL", "")
        self.domain = os.environ.get("SMOALL_DOMAIN", "smoall.localhost")
        self.run = secrets.token_hex(16)
        self.children: list[processes.Child] = []
        self.signals = 0
        self.claimed = False
        self.payments = ""  # the address of the stand-in for the payment processor, if it runs

    # --- the whole --------------------------------------------------------------------------------------

    def live(self) -> int:
        """Start, serve until a signal comes, end. Returns the exit code."""
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._on_signal)
        began = time.monotonic()
        try:
            self._start()
            self._await_pages()
            self._announce(time.monotonic() - began)
            self._tend()
        except Stopped:
            pass
        except (CannotStart, ServerError) as error:
            say(f"\n{error}\n", stream=sys.stderr)
            return 1
        except OSError as error:
            say(f"\n{sentence(error, self.data)}\n", stream=sys.stderr)
            return 1
        finally:
            self._end()
        return 0

    def _start(self) -> None:
        if self.options.reset:
            self._confirm_reset()
        self.folder.claim()
        self.claimed = True
        if self.options.ready_file:
            self.options.ready_file.unlink(missing_ok=True)
        self._end_predecessor()
        addresses = self._free_addresses()
        if self.options.reset:
            self._reset()
        self.folder.write("run.json", {"supervisor": os.getpid(), "run": self.run, "port": self.options.port})
        self.environment = self._environment(addresses)
        self._start_payments()
        self._start_database()
        self._take_steps()
        self._start_children()

    # --- before anything is touched ---------------------------------------------------------------------

    def _confirm_reset(self) -> None:
        if self.external:
            raise CannotStart(
                "--reset empties the data folder and not the database of DATABASE_URL, yet the two belong "
                "together: empty both yourself."
            )
        if not self.data.exists() or not any(self.data.iterdir()):
            return
        if not self.folder.has_marker():
            raise CannotStart(f"{self.data} carries no mark of Smoall, so --reset does not delete it.")
        if self.data == ROOT or self.data in ROOT.parents:
            raise CannotStart(f"{self.data} holds the program itself, so --reset does not delete it.")
        if sys.stdin.isatty():
            say(f"Everything in {self.data} will be deleted. Type yes to go on: ")
            if sys.stdin.readline().strip().lower() != "yes":
                raise CannotStart("Nothing was deleted.")

    def _reset(self) -> None:
        say("Deleting the old data … ")
        embedded_postgres.stop(self.data)
        self.folder.empty()
        say("done\n")

    def _end_predecessor(self) -> None:
        """A killed supervisor could not end its children: those that carry its token are ended now."""
        run = self.folder.read("run.json").get("run")
        left = processes.members(run) if run else []
        if left:
            say("Ending what a killed predecessor left running … ")
            processes.end(left, patience=2)
            say("done\n")

    def _free_addresses(self) -> str:
        """Where gunicorn listens. Both loopback addresses when there are two, since browsers try both."""
        if given := os.environ.get("SMOALL_BIND"):
            return given
        port = self.options.port
        addresses = [f"127.0.0.1:{port}"]
        _refuse_taken(socket.AF_INET, "127.0.0.1", port)
        if _has_ipv6():
            _refuse_taken(socket.AF_INET6, "::1", port)
            addresses.append(f"[::1]:{port}")
        return ",".join(addresses)

    def _environment(self, addresses: str) -> dict[str, str]:
        """What every child gets; how we ourselves found the code is not for them, who run in the checkout."""
        environment = dict(os.environ)
        for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
            environment.pop(name, None)
        environment.setdefault("SMOALL_ENV", "development")
        return environment | {
            "SMOALL_DATA": str(self.data),
            "SMOALL_PORT": str(self.options.port),
            "SMOALL_DOMAIN": self.domain,
            "SMOALL_BIND": addresses,
            "SMOALL_PROCESS": "command",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            processes.RUN: self.run,
        }

    # --- starting ---------------------------------------------------------------------------------------

    def _start_payments(self) -> None:
        """The stand-in for the payment processor, unless there is a key for the real one; the steps may ask it already."""
        if self.environment.get("SMOALL_STRIPE_KEY") or self.environment["SMOALL_ENV"] == "production":
            return
        port = self._payments_port()
        self.environment["SMOALL_STRIPE_API"] = f"http://127.0.0.1:{port}"
        (self.data / "payments").mkdir(mode=0o700, exist_ok=True)
        self.folder.write("payments/address.json", {"port": port})
        self.payments = f"http://payments.localhost:{port}/"
        self._start_child("payments", [sys.executable, "-m", "config.payments"])

    def _payments_port(self) -> int:
        """Where it answered last time, else beside the pages, else wherever there is room."""
        remembered = self.folder.read("payments/address.json").get("port")
        own: int = self.options.port
        candidates: list[int] = list(range(own + 1, min(own + 20, 65535)))
        if isinstance(remembered, int):
            candidates.insert(0, remembered)
        for port in candidates:
            if port != own and _is_free(port):
                return port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free: int = probe.getsockname()[1]
        return free

    def _start_database(self) -> None:
        began = time.monotonic()
        if self.external:
            say("Reaching the database … ")
            _reach(self.external)
        else:
            say("Starting PostgreSQL … ")
            embedded_postgres.start(self.data)
        say(f"{time.monotonic() - began:.1f} s\n")
        self._check_signals()

    def _take_steps(self) -> None:
        embedded = None if self.external else embedded_postgres.admin_url(self.data)
        stamps = self.folder.read("steps.json")
        wanted = start_steps.steps(
            self.data, embedded=embedded, environment=self.environment, demo=self.options.demo
        )
        for step in wanted:
            if start_steps.unchanged(step, stamps):
                continue
            stamps.pop(step.key, None)
            self.folder.write("steps.json", stamps)
            read = step.reads()
            if self._take(step) and (stamp := start_steps.stamp(step, read)):
                stamps[step.key] = stamp
                self.folder.write("steps.json", stamps)

    def _take(self, step: Step) -> bool:
        """Run one step with a line of progress; False when an optional one failed."""
        log = self.data / "log" / "start.log"
        began, size = time.monotonic(), log.stat().st_size if log.exists() else 0
        say(f"{step.title} … ")
        process = processes.spawn(
            [sys.executable, *step.command], environment=self.environment, folder=ROOT, log=log
        )
        try:
            while process.poll() is None:
                self._check_signals()
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                processes.end(processes.members(self.run), patience=5)
                process.wait()
        if process.returncode == 0:
            say(f"{time.monotonic() - began:.1f} s\n")
            return True
        reason = _reason(log, size)
        if not step.optional:
            say("failed\n")
            raise CannotStart(f"{step.title} failed: {reason}\nAll of it is in {log}.")
        say(f"not complete: {reason} All of it is in {log}.\n")
        return False

    def _start_children(self) -> None:
        python = sys.executable
        commands = {
            "web": [python, "-m", "gunicorn", "-c", "python:config.web", "config.wsgi:application"],
            "worker": [python, str(ROOT / "manage.py"), "qcluster"],
        }
        for name, command in commands.items():
            self._start_child(name, command)

    def _start_child(self, name: str, command: list[str]) -> None:
        environment = self.environment | {"SMOALL_PROCESS": name}
        child = processes.Child(name, command, environment, ROOT, self.data / "log" / f"{name}.log")
        self.children.append(child)
        child.start()

    def _await_pages(self) -> None:
        began = time.monotonic()
        say("Waiting for the pages … ")
        while not self._answers():
            self._check_signals()
            dead = [child for child in self.children if not child.lives()]
            if dead:
                say("failed\n")
                log = dead[0].log
                raise CannotStart(
                    f"The {dead[0].name} process ended: {_reason(log, 0)}\nAll of it is in {log}."
                )
            if time.monotonic() - began > READY_SECONDS:
                say("failed\n")
                raise CannotStart(
                    f"No page answered within {READY_SECONDS} s: see {self.data / 'log' / 'web.log'}."
                )
            time.sleep(0.05)
        say(f"{time.monotonic() - began:.1f} s\n")

    def _answers(self) -> bool:
        host, _, port = self.environment["SMOALL_BIND"].split(",")[0].rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=5)
        try:
            connection.request("GET", "/healthz", headers={"Host": f"{self.domain}:{self.options.port}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self, seconds: float) -> None:
        demo = self.folder.read("demo.json") if self.options.demo else {}
        addresses = demo.get("addresses") or self._addresses()
        sign_ins = demo.get("sign_ins") or []
        if self.options.ready_file:
            content = {"addresses": addresses, "sign_ins": sign_ins, "data": str(self.data)}
            content |= {"payments": self.payments} if self.payments else {}
            write_json(self.options.ready_file, content | {"port": self.options.port, "pid": os.getpid()})
        say(f"\nSmoall is ready after {seconds:.1f} s. Ctrl-C ends it.\n\n")
        rows = [_address_row(address) for address in addresses]
        say(table([*rows, *([["Payments (a stand-in)", self.payments]] if self.payments else [])]))
        if sign_ins:
            rows = [
                [str(entry.get(key, "")) for key in ("who", "url", "email", "password", "then")]
                for entry in sign_ins
            ]
            say("\n" + table([["Sign in as", "at", "with", "password", "then the code of"], *rows]))
        say("\n")

    def _addresses(self) -> list[dict[str, str]]:
        port = f":{self.options.port}"
        hosts = {"Website": self.domain, "Sign-up": f"app.{self.domain}", "Operators": f"ops.{self.domain}"}
        return [{"who": who, "url": f"http://{host}{port}/"} for who, host in hosts.items()]

    # --- serving ----------------------------------------------------------------------------------------

    def _tend(self) -> None:
        look_at_database = time.monotonic()
        while not self.signals:
            now = time.monotonic()
            for child in self.children:
                if said := child.tend(now):
                    say(said + "\n")
            if not self.external and now - look_at_database > DATABASE_LOOK_SECONDS:
                look_at_database = now
                self._revive_database()
            time.sleep(LOOK_SECONDS)

    def _revive_database(self) -> None:
        if embedded_postgres.is_alive(self.data):
            return
        say("PostgreSQL ended; starting it again … ")
        try:
            embedded_postgres.start(self.data)
            say("done\n")
        except ServerError as error:
            say(f"{error}\n")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def _check_signals(self) -> None:
        if self.signals:
            raise Stopped

    # --- ending -----------------------------------------------------------------------------------------

    def _end(self) -> None:
        """End the children, what they started, and PostgreSQL. A second signal cuts the waiting short."""
        if not self.claimed:
            return
        asked = self.signals
        if asked:
            say("\nEnding … ")
        for child in self.children:
            child.ask_to_end()
        deadline = time.monotonic() + END_SECONDS
        while any(child.lives() for child in self.children):
            if time.monotonic() > deadline or self.signals > max(asked, 1):
                break
            time.sleep(0.05)
        for child in self.children:
            child.make_end()
        processes.end(processes.members(self.run), patience=0 if self.children else 2)
        if self.options.ready_file:
            with contextlib.suppress(OSError):
                self.options.ready_file.unlink(missing_ok=True)
        if not self.external:
            try:
                embedded_postgres.stop(self.data)
            except (ServerError, OSError) as error:
                say(f"{error}\n", stream=sys.stderr)
        with contextlib.suppress(OSError):
            (self.data / "run.json").unlink(missing_ok=True)
        if asked:
            say("done\n")


def say(text: str, stream: Any = None) -> None:
    """Write to the terminal; one that was closed in the meantime is no reason to stop serving."""
    stream = stream or sys.stdout
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns, two spaces in."""
    widths = [
        max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))
    ]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
    return "".join(f"  {line.rstrip()}\n" for line in lines)


def _address_row(address: Any) -> list[str]:
    if isinstance(address, dict):
        return [str(address.get("who") or address.get("name") or ""), str(address.get("url", ""))]
    return [str(address)]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    try:
        _refuse_taken(socket.AF_INET, "127.0.0.1", port)
        if _has_ipv6():
            _refuse_taken(socket.AF_INET6, "::1", port)
    except CannotStart:
        return False
    return True


def _refuse_taken(family: socket.AddressFamily, host: str, port: int) -> None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotStart(
                f"Port {port} is reserved for root: choose one above 1023 with --port."
            ) from None
        except OSError:
            raise CannotStart(
                f"Port {port} is in use by another program: end that, or choose another port with --port."
            ) from None


def _reach(url: str) -> None:
    """Open one session on the database of DATABASE_URL; the sentence does not repeat the password."""
    try:
        psycopg2.connect(url, connect_timeout=10).close()
    except psycopg2.Error as error:
        parts = urlsplit(url)
        lines = str(error).strip().splitlines() or ["no reason given"]
        said = lines[-1].replace(parts.password, "…") if parts.password else lines[-1]
        raise CannotStart(
            f"The database of DATABASE_URL ({parts.hostname}) does not answer: {said.strip()}"
        ) from None


def _reason(log: Path, offset: int) -> str:
    """The telling last line of what a command said, for people; the rest stays in its log."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        return "the disk is full. Nothing was damaged: make room and start again."
    if any("Address already in use" in line for line in lines):
        return "its port was taken by another program in the meantime."
    marks = ("CommandError:", "Unknown command:")
    telling = [line for line in lines if line.startswith(marks)] or lines or ["it gave no reason."]
    return telling[-1].removeprefix("CommandError: ")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port number (1 to 65535)")
    return int(text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Start Smoall on this machine. DATABASE_URL, when set, replaces the embedded PostgreSQL.",
    )
    default = Path(os.environ.get("SMOALL_DATA") or ROOT / "var")
    parser.add_argument("--port", type=_port, default=8000, help="where the pages answer (8000)")
    parser.add_argument("--data", type=Path, default=default, metavar="DIR", help="the data folder (./var)")
    parser.add_argument("--reset", action="store_true", help="delete the data folder's content first")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="make no demo clients")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="written, as JSON, once pages answer")
    options = parser.parse_args(arguments)
    if options.ready_file:
        options.ready_file = options.ready_file.absolute()
        if not options.ready_file.parent.is_dir():
            parser.error(f"the folder of {options.ready_file} does not exist")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    return Supervisor(_options(arguments)).live()


if __name__ == "__main__":
    sys.exit(main())
