"""What scripts/test runs: every check, then every test. With arguments, pytest alone with them.

All of them run even when one fails; the summary at the end and the exit code tell which did.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PROGRAMS = Path(PYTHON).parent
KEPT = {
    "SMOALL_SCREENSHOTS",
    "SMOALL_READY_FILE",
    "SMOALL_STORM",
}  # what is said to tests, of all that may be set
# A second process takes files that the first has not begun; each has a database server of its own (tests/side_by_side.py).
# More of them would only make Chromium wait.
SIDE_BY_SIDE = ("-n", "2", "--no-loadscope-reorder") if (os.cpu_count() or 1) > 1 else ()


@dataclass(frozen=True)
class Check:
    title: str
    command: Sequence[str]
    # Long ones show what they do; of the others only a failure is worth reading.
    shown: bool = False


CHECKS = (
    Check("Lint", (PYTHON, "-m", "ruff", "check", "--quiet", "--output-format=concise", ".")),
    Check("Format", (PYTHON, "-m", "ruff", "format", "--check", "--quiet", "--output-format=concise", ".")),
    Check("Types", (PYTHON, "-m", "mypy")),
    Check("Import contracts", (str(PROGRAMS / "lint-imports"),)),
    Check("Migrations", (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run")),
    Check("Translations", (PYTHON, "-m", "scripts.messages", "check")),
    Check("House rules", (PYTHON, "-m", "scripts.checks")),
    Check("Tests", (PYTHON, "-m", "pytest", "-rs", "--durations=10", *SIDE_BY_SIDE), shown=True),
)


def main(arguments: Sequence[str]) -> int:
    """Run everything, or pytest with `arguments`; 0 when all passed."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory(prefix="smoall-checks-") as data:
        environment = _environment(data)
        if arguments:
            return subprocess.run(
                [PYTHON, "-m", "pytest", "-rs", *arguments], cwd=ROOT, env=environment
            ).returncode
        results = [(check, *_run(check, environment)) for check in CHECKS]
    print("\n=== Summary")
    for check, passed, seconds in results:
        print(f"  {'passed' if passed else 'FAILED':8}{check.title:20}{seconds:6.1f} s")
    return 0 if all(passed for _, passed, _ in results) else 1


def _run(check: Check, environment: dict[str, str]) -> tuple[bool, float]:
    print(f"\n=== {check.title}", flush=True)
    began = time.monotonic()
    done = subprocess.run(
        check.command, cwd=ROOT, env=environment, text=True, errors="replace",
        stdout=None if check.shown else subprocess.PIPE, stderr=None if check.shown else subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode != 0 and done.stdout:
        print(done.stdout.rstrip())
    seconds = time.monotonic() - began
    print(f"{'passed' if done.returncode == 0 else 'FAILED'} in {seconds:.1f} s", flush=True)
    return done.returncode == 0, seconds


def _environment(data: str) -> dict[str, str]:
    """The checks read the settings, and may write their secrets, in a folder that is thrown away."""
    environment = {
        name: value for name, value in os.environ.items() if name in KEPT or not name.startswith("SMOALL_")
    }
    for name in ("PYTHONSAFEPATH", "DATABASE_URL"):
        environment.pop(name, None)
    return environment | {"PYTHONPATH": str(ROOT), "SMOALL_DATA": data, "NO_COLOR": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
