"""Where this program may connect to: a guard under every socket of the process, and the list that it asks.

Only the machine itself, the deployment's own servers and the `destinations()` of modules are reached; anything else is
refused, whatever library asks, and told to `witnesses`. Why it stands under the sockets: docs/decisions/0015-outgoing.md.
Not here: what partners are (shared_apps/sharing), and connections of C libraries and other programs (libpq, pg_dump).
"""

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from time import monotonic
from typing import Any, NoReturn

log = logging.getLogger("smoall.outgoing")
REMEMBERED = 60.0  # seconds in which a resolved address may be connected to
MOST_REMEMBERED = 1_000
NO_NAME = "an address without a name"  # how a refusal calls one: no address is kept anywhere (P12)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(PermissionError):
    """The host is no destination of this deployment. An OSError, so that callers treat it as a server out of reach."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A host that may be called. Names in lower case; `port` None is any. `is_ours`: it may stand in a private network."""

    host: str
    port: int | None = 443
    is_ours: bool = False


# What modules above allow, asked at each new connection: partners; later, places that a client declared for its copies.
sources: list[Callable[[], Iterable[Destination]]] = []
witnesses: list[Callable[[str], None]] = []  # told the host of each refusal

_ours: tuple[Destination, ...] = ()
_resolved: dict[str, tuple[frozenset[int | None], float]] = {}  # address: its ports, until when
_here = threading.local()  # .asked: what the wrapper below is resolving; .busy: a refusal is being told
_plain_getaddrinfo = socket.getaddrinfo
_is_installed = False


def install(ours: Iterable[Destination]) -> None:
    """Guard this process from now on; `ours` are the deployment's own servers. Again: only the list is replaced."""
    global _ours, _is_installed
    _ours = tuple(ours)
    if not _is_installed:
        _is_installed = True
        socket.getaddrinfo = getaddrinfo
        for method in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, method, _looked_at_first(getattr(socket.socket, method)))
        sys.addaudithook(_hear)  # for ever: no code can take it away again


def is_installed() -> bool:
    """Whether this process is guarded."""
    return _is_installed


def destinations() -> Iterator[Destination]:
    """Everything that may be connected to now, beside the machine itself. A source that fails allows nothing."""
    yield from _ours
    for source in sources:
        try:
            yield from source()
        except Exception as error:
            log.warning("A list of destinations can't be read: %s", type(error).__name__)


# --- what the interpreter tells before it does it -----------------------------------------------------------


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Called for every audited event of the process: one look into a dictionary for those that are none of ours."""
    check = _CHECKS.get(event)
    if check is not None:
        check(*arguments)


def _before_connect(sock: Any, address: Any) -> None:
    if sock.family == socket.AF_UNIX or address is None:
        return
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        _refuse(NO_NAME)
    may_connect(address[0], address[1])


def _looked_at_first(method: Callable[..., Any]) -> Callable[..., Any]:
    """A socket's method, asking before the interpreter does: given a name, it would resolve it first and tell then."""

    @wraps(method)
    def guarded(self: Any, *arguments: Any) -> Any:
        if arguments:
            _before_connect(self, arguments[-1])
        return method(self, *arguments)

    return guarded


def _before_lookup(host: Any, *_: Any) -> None:
    name = _name(host)
    if getattr(_here, "asked", None) != name:
        may_look_up(name)


def _before_naming(sockaddr: Any) -> None:
    may_connect(sockaddr[0], None)


_CHECKS: dict[str, Callable[..., None]] = {
    "socket.connect": _before_connect,
    "socket.sendto": _before_connect,
    "socket.sendmsg": _before_connect,
    "socket.getaddrinfo": _before_lookup,
    "socket.gethostbyname": _before_lookup,
    "socket.gethostbyaddr": _before_lookup,
    "socket.getnameinfo": _before_naming,
}


# --- names --------------------------------------------------------------------------------------------------


def getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
    """In place of socket.getaddrinfo: asks for allowed names alone, and notes what they resolve to.

    What is connected to is what was looked at here: a name that points elsewhere a moment later changes nothing. A
    partner's name that points into a private network has no address. Raises Refused.
    """
    name = _name(host)
    found = may_look_up(name)
    before, _here.asked = getattr(_here, "asked", None), name
    try:
        answers = _plain_getaddrinfo(host, port, *arguments, **named)
    finally:
        _here.asked = before
    if not found:
        return answers
    kept = [answer for answer in answers if _is_fit(str(answer[4][0]), found)]
    if not kept:
        _refuse(name)
    for answer in kept:
        _remember(str(answer[4][0]), found)
    return kept


def may_look_up(name: str) -> list[Destination]:
    """The destinations of that name; none for this machine's own. Raises Refused."""
    address = _address(name)
    if _is_here(name) or (address is not None and address.is_loopback):
        return []
    found = [one for one in destinations() if one.host == name]
    if not found and address is None:
        _refuse(name)
    if not found:
        may_connect(name, None)
    return found


def _is_here(name: str) -> bool:
    return name in ("", "localhost") or name.endswith(".localhost") or name == socket.gethostname().lower()


def _name(host: Any) -> str:
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host or "")
    with suppress(UnicodeError):
        text = text if text.isascii() else text.encode("idna").decode()
    return text.lower().rstrip(".")


# --- addresses ----------------------------------------------------------------------------------------------


def may_connect(host: Any, port: int | None) -> None:
    """Raises Refused unless it is this machine, ours, or an address that an allowed name had a moment ago.

    By name only ours: the interpreter resolves it where nobody can look.
    """
    name = _name(host)
    address = _address(name)
    if (address is not None and address.is_loopback) or name == "localhost":
        return
    if any(one.host == name and one.port in (None, port) for one in _ours):
        return
    ports, until = _resolved.get(str(address), (frozenset(), 0.0))
    if not (until > monotonic() and (port is None or None in ports or port in ports)):
        _refuse(name if address is None else NO_NAME)


def _address(name: str) -> Address | None:
    """An address as it is written, one that wraps an older one unwrapped; None for a name."""
    try:
        found = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_public(address: Address) -> bool:
    """Out in the world: in no private, local or reserved network, nor a way around into one."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.sixtofour or address.teredo or address in NAT64
    ):
        return False
    return address.is_global and not address.is_multicast


def _is_fit(text: str, found: list[Destination]) -> bool:
    address = _address(text)
    return address is not None and (any(one.is_ours for one in found) or is_public(address))


def _remember(text: str, found: list[Destination]) -> None:
    if len(_resolved) >= MOST_REMEMBERED:
        _resolved.clear()  # whoever is between looking up and connecting asks again
    _resolved[str(_address(text))] = (frozenset(one.port for one in found), monotonic() + REMEMBERED)


# --- refusing -----------------------------------------------------------------------------------------------


def _refuse(host: str) -> NoReturn:
    """Tell whoever counts, and raise Refused. The log shows where in the program it was asked for."""
    if not getattr(_here, "busy", False):
        _here.busy = True
        try:
            log.warning("A connection to %s was refused.", host, stack_info=True)
            for witness in witnesses:
                witness(host)
        except Exception as error:
            log.warning("A refusal was not counted: %s", type(error).__name__)
        finally:
            _here.busy = False
    raise Refused(f"{host} is no destination of this deployment")
