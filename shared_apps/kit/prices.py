"""What a plan costs, for whoever shows it. Filled by `billing`, empty without it; never reads a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

TRIAL_DAYS = 30  # without a card


@dataclass(frozen=True, slots=True)
class Price:
    plan: Any  # lazily translated
    cents: int  # a user and month, without VAT
    includes: Sequence[Any] = ()  # lazily translated
    year_cents: int | None = None  # a user and year, where it can be paid so


sources: list[Callable[[], Sequence[Price]]] = []


def listed() -> list[Price]:
    """The plans on offer, in the order of their sources."""
    return [price for source in sources for price in source()]
