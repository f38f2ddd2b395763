"""The processes that are measured: each a Django of its own, which is told over a pipe what to do and answers in JSON.

`python -m scripts.figures.side` is such a process. What it does stands in `in_ours`, `in_stock`, `in_plain` and `asking`; times
are taken inside of it, so that the pipe is in none of them.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent.parent


class Failed(Exception):
    """A side could not do what it was told; the text is its error."""


class Side:
    """One such process. `call` is its only verb."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        """`environment`: SMOALL_DATA, SMOALL_PROCESS, DJANGO_SETTINGS_MODULE. What it prints goes to `log`."""
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.figures.side"], cwd=ROOT, env=os.environ | environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def call(self, what: str, **given: Any) -> Any:
        """`module.function` with these arguments. Raises Failed."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"what": what, "given": given}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{what}: the process had ended; see {self._log.name}") from None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"{what}: the process ended; see {self._log.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{what}: {answer['error']}")
        return answer["result"]

    def end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def main() -> None:
    """Answer one line after the other until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints does not reach the pipe
    import django

    django.setup()
    from shared_apps.kit import scope

    if os.environ.get("SMOALL_PROCESS") != "web":
        scope.start_process(scope.SHARED)
    for line in sys.stdin:
        _answer(json.loads(line), answers)


def _answer(asked: dict[str, Any], answers: TextIO) -> None:
    module, _, function = asked["what"].partition(".")
    try:
        result = getattr(importlib.import_module(f"scripts.figures.{module}"), function)(**asked["given"])
        text = json.dumps({"result": result})
    except Exception as error:  # whatever it is, the other side has to hear of it
        text = json.dumps({"error": f"{type(error).__name__}: {error}"})
        sys.excepthook(*sys.exc_info())
    answers.write(text + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
