"""The processes that the supervisor starts: long-lived children, and what a killed predecessor left behind.

Every process carries the token of its run in its environment, so that only what is provably ours is ended: a
process number alone may by now belong to somebody else.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

RUN = "SMOALL_RUN"
PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0
# A child that lived this long starts again at once; before that, the pauses grow.
SETTLED_SECONDS = 60.0
LOG_BYTES = 5 * 1024 * 1024


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> "subprocess.Popen[bytes]":
    """Start a program in its own session, its output appended to `log`; it is told to end when we die."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".1.log"))
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )


def end_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """What subprocess calls in the new process so that it gets `sign` when we die; None but on Linux."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, sign, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Child:
    """A program that is started again, after growing pauses, whenever it ends by itself."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name, self.log = name, log
        self._command, self._environment, self._folder = command, environment, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.5
        self._again_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._process = spawn(self._command, environment=self._environment, folder=self._folder, log=self.log)
        self._started = time.monotonic()

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tend(self, now: float) -> str | None:
        """Called often: start the program again when it ended. Says what happened, if anything did."""
        if self.lives():
            return None
        if self._process is None:
            if now < self._again_at:
                return None
            self.start()
            return f"The {self.name} process was started again."
        code = self._process.returncode
        end(members(self._environment[RUN], self._environment["SMOALL_PROCESS"]), patience=2)
        self._process = None
        if now - self._started > SETTLED_SECONDS:
            self._pause = 0.5
        self._again_at = now + self._pause
        said = f"The {self.name} process ended ({_how(code)}); again in {self._pause:g} s. See {self.log}"
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return said

    def ask_to_end(self) -> None:
        if self._process and self.lives():
            self._process.terminate()

    def make_end(self) -> None:
        """Kill the program and its session, if it still runs: as our child its number is nobody else's."""
        if self._process and self.lives():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def members(run: str, process: str = "") -> list[int]:
    """The processes of the run with this token, or those of them that are `process` (web, worker)."""
    wanted = {f"{RUN}={run}".encode()} | ({f"SMOALL_PROCESS={process}".encode()} if process else set())
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                wanted <= set((entry / "environ").read_bytes().split(b"\0"))
                and int(entry.name) != os.getpid()
            ):
                found.append(int(entry.name))
    return found


def end(pids: Iterable[int], *, patience: float) -> None:
    """Ask the processes to end, and after `patience` seconds make them."""
    left = list(pids)
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, sign)
        deadline = time.monotonic() + seconds
        while (left := [pid for pid in left if exists(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not left:
            return


def exists(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
