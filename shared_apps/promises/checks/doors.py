"""The doors of the deployment (P27): which the one that we ship opens, and which our services open on this machine.

A server sees itself from inside alone: what a stranger reaches is for a stranger to try.
"""

import ipaddress
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.kit import scope
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows, unknown

SHIPPED = Path(settings.BASE_DIR) / "scripts" / "deploy" / "compose.yaml"
OPEN = {"80", "443"}
SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))  # of this machine, or of the container that is one
LISTENS = "0A"
DATABASE = "SELECT host(inet_server_addr())"  # NULL where it is reached by a file
POSTGRESQL = 5432


@check("P27", title=_("Doors of the deployment that we ship, and of our services on this machine"))
def doors_are_closed(around: Round) -> Result:
    services = own_services()
    try:
        shipped, listening = SHIPPED.read_text(), set(sockets()) if services else set()
    except OSError:
        return unknown(
            gettext_noop(
                "Neither the deployment that we ship nor the doors of this machine can be read here."
            )
        )
    opened = open_ports(shipped)
    here = {(address, port) for address, port in listening if port in services}
    beyond = sum(not address.is_loopback and str(port) not in OPEN for address, port in here)
    with reading(scope.shared()):
        ((database,),) = rows(DATABASE)
    public = int(database is not None and ipaddress.ip_address(database).is_global)
    numbers = {
        "opened": len(opened),
        "others": len(opened - OPEN),
        "ways": ways_to_the_database(shipped),
        "public": public,
    }
    is_kept = opened == OPEN and not (numbers["ways"] or beyond or public)
    if not here:
        return kept_if(
            is_kept,
            gettext_noop(
                "Ports that the shipped deployment opens: %(opened)s, of them other than 80 and 443: %(others)s; ways in it "
                "to the database: %(ways)s; databases at a public address: %(public)s. Doors of our services were not looked "
                "at: in a container, or on another machine, they can’t be told."
            ),
            **numbers,
        )
    return kept_if(
        is_kept,
        gettext_noop(
            "Ports that the shipped deployment opens: %(opened)s, of them other than 80 and 443: %(others)s; ways in it "
            "to the database: %(ways)s; doors of our services here: %(here)s, of them open to other machines: %(beyond)s; "
            "databases at a public address: %(public)s."
        ),
        here=len(here),
        beyond=beyond,
        **numbers,
    )


def open_ports(compose: str) -> set[str]:
    """The ports of the machine that the deployment takes, in either way of writing them.

    What is written otherwise, with an address or as a mapping, is none that we ship: it is given as it stands.
    """
    given = re.findall(r"^ +ports:(.*(?:\n +- .*)*)", compose, re.MULTILINE)
    entries = [one.strip(" \"'[]") for each in given for one in re.split(r"\n +- |,", each)]
    found = [(one, re.fullmatch(r"(\d+):\d+(?:/tcp)?", one)) for one in entries if one]
    return {match[1] if match else one for one, match in found}


def ways_to_the_database(compose: str) -> int:
    """How many of the walls around it are missing: a network without a way out, on which it stands and on no other."""
    begin = compose.find("\n  database:")
    block = compose[begin : compose.find("\nnetworks:", begin)] if begin >= 0 else ""
    return (
        ("network_mode" in compose)
        + ("inside: {internal: true}" not in compose)
        + (re.findall(r"networks: *(.*)", block) != ["[inside]"])
    )


def own_services() -> set[int]:
    """The ports at which our services answer on this machine: pages, the payment operator's stand-in, the database.

    None in a container: what listens there on every address is reached by its network alone, which other doors lead to.
    """
    if settings.SMOALL_IN_CONTAINER:
        return set()
    places = [urlsplit(address) for address in (settings.SMOALL_WEB, settings.STRIPE_API)]
    found = {place.port for place in places if place.port and _is_here(place.hostname or "")}
    database = connection.settings_dict
    if _is_here(database["HOST"]):
        found.add(int(database["PORT"] or POSTGRESQL))
    return found


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost") or host.startswith("/")


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def sockets() -> Iterator[tuple[Address, int]]:
    """Where anything listens on this machine. Raises OSError where the system has no such list."""
    for path in SOCKETS:
        if path != SOCKETS[0] and not path.exists():  # a machine without IPv6
            continue
        for line in path.read_text().splitlines()[1:]:
            _number, local, _remote, state, *_more = line.split()
            if state == LISTENS:
                address, _colon, port = local.partition(":")
                yield _address(address), int(port, 16)


def _address(text: str) -> Address:
    """Words of four bytes, as the processor stores them."""
    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    found = ipaddress.ip_address(raw)
    return getattr(found, "ipv4_mapped", None) or found
