"""Ways in from outside: ports, sockets, the database."""

from pathlib import Path

from django.conf import settings
from django.db import connection

from shared_apps.promises.checks import doors
from tests.promises.faults.stage import Stage, fault


def shipped(on: Stage, what: str, instead: str) -> None:
    """The deployment that we ship, changed."""
    file = Path(settings.SMOALL_DATA) / "compose.yaml"
    file.write_text(doors.SHIPPED.read_text().replace(what, instead))
    on.patch.setattr(doors, "SHIPPED", file)


@fault("doors-are-closed")
def a_database_whose_port_is_published(on: Stage) -> None:
    shipped(on, "\n  database:\n", '\n  database:\n    ports:\n      - "5432:5432"\n')


@fault("doors-are-closed")
def a_database_whose_port_is_published_in_other_words(on: Stage) -> None:
    ports = "    ports:\n      - target: 5432\n        published: 5432\n"
    shipped(on, "\n  database:\n", f"\n  database:\n{ports}")


@fault("doors-are-closed")
def a_database_on_the_network_outside(on: Stage) -> None:
    shipped(on, "networks: [inside]\n    logging", "networks: [outside, inside]\n    logging")


@fault("doors-are-closed")
def a_database_that_listens_to_everybody(on: Stage) -> None:
    port = int(connection.settings_dict["PORT"])
    file = Path(settings.SMOALL_DATA) / "tcp"
    file.write_text(
        f"  sl  local_address rem_address   st\n   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000\n"
    )
    on.patch.setattr(doors, "SOCKETS", [file])


@fault("doors-are-closed")
def a_database_at_a_public_address(on: Stage) -> None:
    on.patch.setattr(doors, "DATABASE", "SELECT '9.9.9.9'")
