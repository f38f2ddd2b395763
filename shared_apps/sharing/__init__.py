"""Who got what: partners and what went to them, judicial orders, and the client's page that shows all of it.

Other modules add to that page by `sources.append(function)` in their apps' `ready`: a function that takes the client's
UUID, runs in the shared scope, and gives an Entry for each time that somebody saw or got something of the client.
Importing this package loads no model.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Kind = Literal["integrator", "partner", "order", "operator"]
MOST = 500  # entries that one source gives, the newest


@dataclass(frozen=True, slots=True)
class Entry:
    """One time that somebody outside the client's own team saw or got something. Words are translated already."""

    at: datetime
    who: str
    what: str
    why: str
    kind: Kind


sources: list[Callable[[UUID], Iterable[Entry]]] = []


def entries(client: UUID, kind: str = "") -> list[Entry]:
    """What every source knows of a client, the newest first; of one kind when it is named. In the shared scope."""
    found: list[Any] = [entry for source in sources for entry in source(client)]
    wanted = [entry for entry in found if not kind or entry.kind == kind]
    return sorted(wanted, key=lambda entry: entry.at, reverse=True)
