"""What tenancy costs a request: beside plain Django on one schema, and beside django-tenants under gunicorn."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from scripts.figures.bench import SETTINGS, Bench, CannotMeasure
from scripts.figures.figure import Figure, at_least, at_most, interleaved
from scripts.figures.side import ROOT

ROW = "request"
VIEW, PAGE = "/figures/three/", "/contacts/"
CLIENTS = 2  # at a time, each on a connection that stays open


def measure(bench: Bench) -> Iterator[Figure]:
    bench.grow(1)
    bench.grow_stock(1)
    yield from _beside_plain(bench)
    yield from _at_full_load(bench)


def _beside_plain(bench: Bench) -> Iterator[Figure]:
    host, times = bench.hosts(1)[0], bench.times(30, 10)
    sides = {name: bench.side(name) for name in ("web", "plain", "stock")}

    def runs(path: str, stack: str) -> list[list[float]]:
        cookies = {
            name: side.call("asking.sign_in", host=host) if stack == "whole" else ""
            for name, side in sides.items()
        }

        def ask(name: str) -> float:
            took = sides[name].call(
                "asking.seconds", path=path, hosts=[host], cookie=cookies[name], stack=stack, times=10
            )
            return float(median(took))

        for name in sides:
            ask(name)
        return interleaved(lambda: ask("web"), lambda: ask("plain"), lambda: ask("stock"), times=times)

    sent = {name: side.call("asking.statements", path=VIEW, host=host) for name, side in sides.items()}
    mine, plain, stock = runs(VIEW, "lean")
    note = f"statements: {sent['web']}, plain {sent['plain']}, stock {sent['stock']}"
    view = "Request with three indexed queries, tenancy alone"
    yield Figure.of(ROW, view, "plain Django, one schema", [mine, plain], target=at_most(1.10), note=note)
    yield Figure.of(ROW, view, "stock django-tenants", [mine, stock])
    mine, plain, stock = runs(PAGE, "whole")
    page = "The page of contacts, every middleware"
    yield Figure.of(ROW, page, "plain Django, one schema", [mine, plain], target=at_most(1.10))
    yield Figure.of(ROW, page, "stock django-tenants", [mine, stock])


def _at_full_load(bench: Bench) -> Iterator[Figure]:
    host, requests = bench.hosts(1)[0], 200 if bench.is_quick else 600
    with ExitStack() as stack:
        ports = {name: stack.enter_context(served(bench, name)) for name in ("web", "stock")}
        for port in ports.values():
            load(port, host, 50)
        runs = interleaved(
            lambda: load(ports["web"], host, requests), lambda: load(ports["stock"], host, requests),
            times=bench.times(7),
        )  # fmt: skip
    what = "Request under gunicorn at full load (requests/s the other way round)"
    yield Figure.of(ROW, what, "stock django-tenants", runs, target=at_least(1.4))


@contextmanager
def served(bench: Bench, name: str) -> Iterator[int]:
    """The port of a gunicorn with one worker of four threads, the tenancy alone in front of the view."""
    bench.side(name)  # its database is there
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment: dict[str, Any] = os.environ | {
        "SMOALL_DATA": str(bench.data), "SMOALL_ENV": "development",
        "SMOALL_PROCESS": "web" if name == "web" else "command",
        "SMOALL_DOMAIN": "smoall.localhost", "SMOALL_PORT": "80", "DJANGO_SETTINGS_MODULE": SETTINGS[name],
        "SMOALL_BIND": f"127.0.0.1:{port}", "SMOALL_WEB_WORKERS": "1", "SMOALL_WEB_THREADS": "4",
        "PYTHONPATH": str(ROOT), "DATABASE_URL": "",
    }  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.web", "scripts.figures.wsgi"]
    with (bench.data / f"gunicorn-{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--access-logfile", os.devnull], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(15)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CannotMeasure("gunicorn did not start.")


def load(port: int, host: str, requests: int) -> float:
    """Seconds a request, of `requests` that a few clients send one after the other. Raises CannotMeasure."""
    wrong: list[str] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            for _ in range(requests // CLIENTS):
                connection.request("GET", VIEW, headers={"Host": host})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    wrong.append(f"{VIEW} answers {answer.status} under gunicorn.")
                    return
        except (OSError, http.client.HTTPException) as error:
            wrong.append(f"gunicorn does not answer: {error}")
        finally:
            connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    if wrong:
        raise CannotMeasure(wrong[0])
    return (time.perf_counter() - began) / (requests // CLIENTS * CLIENTS)
