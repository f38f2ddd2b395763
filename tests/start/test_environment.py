"""The two starters: any folder, any home, Python alone; the environment follows the lock and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SUPERVISOR = "import os, sys\nprint('arguments', sys.argv[1:], 'in', os.getcwd(), 'by', sys.executable)\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an empty lock, so that nothing has to be fetched."""
    root = tmp_path / "a checkout"
    for folder in ("scripts", "config"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
    for name in ("run", "test", "environment.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts")
    (root / "config" / "supervisor.py").write_text(SUPERVISOR)
    (root / "requirements.lock").write_text("# nothing\n")
    return root


def start(checkout: Path, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    path = {"PATH": os.environ["PATH"], "HOME": ""}
    command = [str(checkout / "scripts" / "run"), "--port", "1", "two words"]
    return subprocess.run(command, cwd=cwd, env=path | environment, capture_output=True, text=True)


def test_the_environment_is_made_once_and_again_when_the_lock_changes(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "config").mkdir(parents=True)
    (elsewhere / "config" / "__init__.py").write_text("raise SystemExit('a stranger was imported')")
    first = start(checkout, elsewhere)
    assert first.returncode == 0, first.stderr
    assert "Installing the packages" in first.stdout
    python = checkout / ".venv" / "bin" / "python"
    assert f"arguments ['--port', '1', 'two words'] in {elsewhere} by {python}" in first.stdout
    assert sorted(path.name for path in elsewhere.iterdir()) == ["config"], "no cache without a home"

    again = start(checkout, checkout, PYTHONDONTWRITEBYTECODE="1")
    assert again.returncode == 0
    assert "Installing" not in again.stdout

    (checkout / "requirements.lock").write_text("# another nothing\n")
    assert "Installing" in start(checkout, checkout).stdout
    assert "Installing" not in start(checkout, checkout).stdout

    (checkout / ".venv" / "smoall.lock").unlink()
    (checkout / ".venv" / "half a package").touch()
    assert "Installing" in start(checkout, checkout).stdout
    assert not (checkout / ".venv" / "half a package").exists(), "an interrupted installation begins anew"


def test_a_lock_that_cannot_be_installed_is_said_in_a_sentence(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("nothing==0.0.1 --hash=sha256:" + "0" * 64)
    done = start(checkout, checkout, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert done.stderr.startswith("The packages could not be installed:")
    assert "nothing==0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv" / "smoall.lock").exists()


def test_a_machine_without_python_is_told_what_to_do(checkout: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "dirname"):
        (bare / name).symlink_to(str(shutil.which(name)))
    done = start(checkout, checkout, PATH=str(bare))
    assert done.returncode == 1
    assert done.stderr.startswith("Smoall needs Python 3.11 or newer")
