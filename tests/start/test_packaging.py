"""What is shipped beside the program: the lock, the image's ignore list, the deployment."""

import re
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared_apps.promises.checks import doors
from shared_apps.promises.checks.doors import open_ports, ways_to_the_database
from tests.promises import faults

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
COMPOSE = (ROOT / "scripts" / "deploy" / "compose.yaml").read_text()
CADDY = (ROOT / "scripts" / "deploy" / "Caddyfile").read_text()


def test_the_lock_names_no_registry_and_hashes_everything() -> None:
    assert "http" not in LOCK
    assert "index-url" not in LOCK
    packages = [block for block in re.split(r"\n(?=[a-z0-9])", LOCK) if not block.startswith("#")]
    assert len(packages) > 50
    assert not [block.split()[0] for block in packages if "--hash=sha256:" not in block]


def test_the_lock_holds_every_package_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=~ ;]", line)[0].lower() for line in asked}
    locked = set(re.findall(r"^([a-z0-9.-]+)==", LOCK, re.MULTILINE))
    assert names <= locked


def test_no_file_that_a_run_makes_is_under_version_control() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    tracked = listed.stdout.splitlines()
    made = re.compile(
        r"(^|/)(var|\.venv|__pycache__|\.env)(/|$)|\.(mo|pyc)$|(secrets\.json|secret\.key|uv\.lock)$"
    )
    assert not [path for path in tracked if made.search(path)]


def test_P27_only_the_web_ports_are_published_and_the_database_has_no_way_out() -> None:
    """As the live check reads it; what it does not see, the planted faults of tests/promises show."""
    assert open_ports(COMPOSE) == {"80", "443"}
    assert ways_to_the_database(COMPOSE) == 0


@pytest.mark.parametrize(
    "planted", [faults.doors.a_database_whose_port_is_published, faults.doors.a_database_on_the_network_outside]
)
def test_P27_planted_a_way_to_the_database_is_noticed(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(SimpleNamespace(patch=monkeypatch))
    changed = doors.SHIPPED.read_text()
    assert open_ports(changed) != {"80", "443"} or ways_to_the_database(changed) > 0


def test_P27_ports_are_found_in_either_way_of_writing_them() -> None:
    opened = COMPOSE.replace("\n  database:\n", '\n  database:\n    ports: ["5432:5432"]\n')
    assert open_ports(opened) == {"80", "443", "5432"}
    assert ways_to_the_database("network_mode: host\nservices: {}\n") == 3


def plain_ways(caddy: str) -> list[str]:
    """What of the front would let somebody stay on http."""
    found = (
        []
        if re.search(r"^http:// \{\s+redir https://\{host\}\{uri\} permanent\s+\}", caddy, re.MULTILINE)
        else ["redirect"]
    )
    age = re.search(r'Strict-Transport-Security "max-age=(\d+); includeSubDomains', caddy)
    return found + ([] if age and int(age[1]) >= 31_536_000 else ["browsers"])


def test_P24_the_shipped_front_sends_everything_to_https_and_tells_browsers_to_stay_there() -> None:
    assert plain_ways(CADDY) == []
    assert plain_ways(CADDY.replace("redir https", "# redir https")) == ["redirect"], "the planted faults"
    assert plain_ways(CADDY.replace("max-age=31536000", "max-age=0")) == ["browsers"]


def test_web_and_worker_are_not_given_the_administrators_password() -> None:
    for service in ("web", "worker"):
        start = COMPOSE.index(f"\n  {service}:")
        block = COMPOSE[start : COMPOSE.index("\n\n", start)]
        assert "POSTGRES_PASSWORD" not in block
        assert "DATABASE_URL: postgresql://database:5432/smoall" in block


def test_certificates_are_only_for_known_hosts_and_visitors_are_not_logged() -> None:
    assert "ask http://web:8000/internal/known-host" in CADDY
    assert "respond /internal/* 404" in CADDY and "respond @trace 405" in CADDY
    assert "Strict-Transport-Security" in CADDY
    assert "header_up -X-Forwarded-For" in CADDY
    assert CADDY.count("{") == CADDY.count("}")
