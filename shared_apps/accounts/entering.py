"""What somebody is asked to agree to on the page where they choose the password with which they enter.

Accounts know of no contract. Modules above add a function to `sources` in their apps' `ready`: it takes the person, runs
in their own scope, and gives a Condition or nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared_apps.accounts.models import User


class Accept(Protocol):
    def __call__(self, *, language: str, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Condition:
    """A box to tick: its words, translated, and what is done when it was. `help` may hold links."""

    label: str
    help: Any
    refused: str
    accept: Accept


sources: list[Callable[[User], Condition | None]] = []


def condition(person: User) -> Condition | None:
    """The first that a source names, in the person's own scope."""
    return next((found for source in sources if (found := source(person))), None)
