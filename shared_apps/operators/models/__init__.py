"""What the console keeps of its own: looks at the fleet, signatures (console.py), grants and visits (grant.py)."""

from shared_apps.operators.models.console import GIVEN_UP_AFTER, CannotAlter, Inspection, Signature
from shared_apps.operators.models.grant import HOURS, CannotEnter, ConsentRule, Grant, Scope, Visit

__all__ = [
    "GIVEN_UP_AFTER",
    "HOURS",
    "CannotAlter",
    "CannotEnter",
    "ConsentRule",
    "Grant",
    "Inspection",
    "Scope",
    "Signature",
    "Visit",
]
