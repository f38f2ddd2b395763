"""What is done with an object of the payment processor: functions by its type."""

from collections.abc import Callable
from typing import Any

Projection = Callable[..., None]
projections: dict[str, list[Projection]] = {}


def projects(kind: str) -> Callable[[Projection], Projection]:
    """Mark `f(obj, *, now)`, which copies fields of an object of that type into rows, in the event's transaction."""

    def mark(function: Projection) -> Projection:
        known = projections.setdefault(kind, [])
        if function not in known:
            known.append(function)
        return function

    return mark


def project(obj: Any, *, now: Any) -> None:
    """Every projection of the object's type, in the order of registration."""
    for function in projections.get(obj["object"], []):
        function(obj, now=now)
