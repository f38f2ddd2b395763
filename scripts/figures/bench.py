"""The scratch folder that everything is measured in: one PostgreSQL with fsync on, three databases, a process a side.

Smoall's database is made by `prepare`, the stock project's by `migrate_schemas`, plain Django's by `migrate`. A fleet is
filled with fsync off, since filling is not measured; the server is started again, durable, before anything is.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from config import embedded_postgres, postgres_programs
from config.postgres_programs import ServerError
from scripts.figures.side import ROOT, Failed, Side

MARKER = "figures.json"
EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin")
POOL_OFF = {
    "SMOALL_POOL_FLOOR": "0",
    "SMOALL_POOL_CEILING": "0",
}  # what is claimed is filled when it is asked for
SETTINGS = {
    "ours": "config.settings",
    "web": "config.settings",
    "stock": "scripts.figures.stock.settings",
    "plain": "scripts.figures.plain.settings",
    "stock_later": "scripts.figures.later.stock",
    "fleet": "config.settings",
    "fleet_later": "scripts.figures.later.ours",
    "ten": "config.settings",
    "ten_web": "config.settings",
}
NOT_REPLAYED = re.compile(r"(--|\\(un)?restrict |SET |SELECT pg_catalog\.set_config)")
FILL = 100  # workspaces between two lines of progress


class CannotMeasure(Exception):
    """Says in a sentence why nothing can be measured."""


class Bench:
    """`most`: workspaces of the largest fleet. `tenants`: workspaces there are now."""

    def __init__(self, data: Path, *, most: int, is_quick: bool, say: Callable[[str], None]) -> None:
        self.data, self.most, self.is_quick, self.say = data.absolute(), most, is_quick, say
        self._sides: dict[str, Side] = {}
        self._number = 100_000 + int(time.time())  # of workspaces that come and go, in a kept folder too
        self.tenants = 0
        self._url = ""
        self.state: dict[str, Any] = {}

    # --- setting up ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the folder ready, or take one that an earlier run kept. Raises CannotMeasure for somebody's own folder."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o755)
        marker = self.data / MARKER
        if any(self.data.iterdir()) and not marker.exists():
            raise CannotMeasure(f"{self.data} holds something that no bench made: name another folder.")
        self.state = json.loads(marker.read_text()) if marker.exists() else {}
        self._start(durable=True)
        if not self.state:
            self.say("Making the release's tables …")
            (self.data / "static").mkdir(exist_ok=True)
            self._manage("prepare")
            self.note(prepared=True)
        self.tenants = int(self.side("ours").call("in_ours.count"))

    def close(self) -> None:
        for side in self._sides.values():
            side.end()
        self._sides = {}
        with suppress(ServerError):
            embedded_postgres.stop(self.data)

    def note(self, **more: Any) -> None:
        """Keep something beside the data, for a run that takes the folder again."""
        self.state |= more
        (self.data / MARKER).write_text(json.dumps(self.state, indent=1))

    def side(self, name: str) -> Side:
        """The process of that name; its database is made with it."""
        if name not in self._sides:
            if name in ("stock", "plain"):
                self._make_database(name)
            self._sides[name] = Side(self.environment(name), self.data / f"{name}.log")
            if name in ("stock", "plain") and name not in self.state:
                self.say(f"Making the tables of the {name} side …")
                self._sides[name].call(f"in_{name}.prepare")
                self.note(**{name: True})
        return self._sides[name]

    def environment(self, name: str) -> dict[str, str]:
        """What a side's processes are told of themselves; nothing of the caller's own deployment."""
        unset = (
            "DATABASE_URL",
            "SMOALL_SMTP",
            "SMOALL_MAIL_PROVIDER",
            "SMOALL_KILL_AT",
        )
        return {
            **dict.fromkeys(unset, ""),
            **POOL_OFF,
            "SMOALL_DATA": str(self.data),
            "SMOALL_ENV": "development",
            "SMOALL_PROCESS": "web" if name == "web" else "command",
            "SMOALL_DOMAIN": "smoall.localhost",
            "SMOALL_PORT": "80",
            "SMOALL_FLEET_AT_START": "0",
            "DJANGO_SETTINGS_MODULE": SETTINGS[name],
            "PYTHONPATH": str(ROOT),
        }

    def fleet_side(self, name: str) -> Side:
        """A Smoall of its own on the same server, whose releases go forward without the main one's."""
        if name not in self._sides:
            folder = self.data / name.partition("_")[0]
            folder.mkdir(exist_ok=True)
            (folder / "static").mkdir(exist_ok=True)
            environment = self.environment(name) | {
                "SMOALL_DATA": str(folder),
                "DATABASE_URL": self._url.rsplit("/", 1)[0] + f"/{name.removesuffix('_web')}",
                "SMOALL_PROCESS": "web" if name.endswith("_web") else "command",
                "SMOALL_SECRET_KEY": (self.data / "secret.key").read_text().strip(),
            }
            is_new = name in ("fleet", "ten") and name not in self.state
            if is_new:
                self.psql("postgres", f"CREATE DATABASE {name}")
            self._sides[name] = Side(environment, self.data / f"{name}.log")
            if is_new:
                self._sides[name].call("in_ours.prepare")
                self.note(**{name: True})
        return self._sides[name]

    def copy(self, database: str, name: str) -> None:
        """Another database like this one, under another name."""
        self._sides[database].call("asking.forget")
        self.psql("postgres", f"DROP DATABASE IF EXISTS {name}")
        self.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {database}")

    def drop(self, name: str) -> None:
        """A copied database, and the process that worked on it."""
        self._sides.pop(name).end()
        self.psql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _start(self, *, durable: bool) -> None:
        try:
            self._url = embedded_postgres.start(self.data, durable=durable).url()
        except ServerError as error:
            raise CannotMeasure(str(error)) from error

    def _restart(self, *, durable: bool) -> None:
        for side in self._sides.values():
            side.call("asking.forget")
        embedded_postgres.stop(self.data)
        self._start(durable=durable)

    def _make_database(self, name: str) -> None:
        if self.psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608
            return
        self.psql("postgres", f"CREATE DATABASE {name}")
        extensions = [f"CREATE EXTENSION {one} SCHEMA ext;" for one in EXTENSIONS]
        self.psql(name, "\n".join(["CREATE SCHEMA ext;", *extensions]))

    def _manage(self, *words: str) -> None:
        environment = os.environ | self.environment("ours")
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise CannotMeasure(f"manage.py {words[0]} failed: {done.stderr.strip()[-2000:]}")

    # --- the fleet ----------------------------------------------------------------------------------------

    def grow(self, to: int) -> None:
        """Bring the fleet to this number of workspaces, fast and unmeasured."""
        if to <= self.tenants:
            return
        fast = to - self.tenants >= 20
        if fast:
            self._restart(durable=False)
        began = time.monotonic()
        while self.tenants < to:
            last = min(to, self.tenants + FILL)
            self.side("ours").call("in_ours.fill", first=self.tenants + 1, last=last)
            self.tenants = last
            self.say(f"{last} workspaces, {time.monotonic() - began:.0f} s")
        self.psql("smoall", "ANALYZE")
        if fast:
            self._restart(durable=True)

    def grow_stock(self, to: int) -> None:
        """The same for the stock project: its first workspace is migrated, the others are made like it."""
        stock = self.side("stock")
        there = int(stock.call("in_stock.count"))
        if there == 0:
            stock.call("in_stock.sign_up", number=1)
            there = 1
        if to <= there:
            return
        dump = self.data / "stock.sql"
        schema = stock.call("in_stock.schema_of", number=1)
        self.run("pg_dump", "--inserts", f"--schema={schema}", "--file", str(dump), database="stock")
        kept = [line for line in dump.read_text().splitlines() if not NOT_REPLAYED.match(line)]
        dump.write_text("\n".join(kept))
        self.say(f"{to} workspaces of the stock project …")
        self._restart(durable=False)
        stock.call("in_stock.adopt", first=there + 1, last=to, dump=str(dump))
        self.psql("stock", "ANALYZE")
        self._restart(durable=True)

    def another(self) -> int:
        """The number of a workspace that comes and goes."""
        self._number += 1
        return self._number

    def ids(self, first: int, last: int) -> list[str]:
        found: list[str] = self.side("ours").call("in_ours.ids", first=first, last=last)
        return found

    def hosts(self, last: int) -> list[str]:
        return [f"figures-{number}.smoall.localhost" for number in range(1, last + 1)]

    # --- programs -----------------------------------------------------------------------------------------

    def run(self, program: str, *words: str, database: str, options: str = "", stdin: str = "") -> float:
        """Seconds that one of PostgreSQL's own programs takes, as its superuser. Raises CannotMeasure."""
        address = self._url.rsplit("/", 1)[0] + f"/{database}"
        command = [str(postgres_programs.bin(program)), "--dbname", address, *words]
        environment = {**os.environ, "PGOPTIONS": options}
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, input=stdin)
        took = time.perf_counter() - began
        if done.returncode:
            raise CannotMeasure(f"{program} failed: {done.stderr.strip()[-1000:]}")
        self.said = done.stdout
        return took

    def psql(self, database: str, text: str) -> str:
        """What psql answers, without ornament."""
        self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", database=database, stdin=text)
        return self.said.strip()

    def detail(self, text: str) -> None:
        """A line for whoever watches a terminal; nothing in a log."""
        if sys.stderr.isatty():
            self.say(f"  {text}")

    def times(self, full: int, quick: int = 3) -> int:
        """How many runs: fewer where haste is asked for."""
        return quick if self.is_quick else full


def scratch() -> Path:
    """A folder of its own, on the disk that temporary files have."""
    return Path(tempfile.mkdtemp(prefix="smoall-figures-"))


def remove(data: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)


__all__ = ["Bench", "CannotMeasure", "Failed", "remove", "scratch"]
