"""Partners with their verified policies, what was disclosed to them, judicial orders, and refused connections.

What the database itself refuses stands in walls.py.
"""

from shared_apps import history
from shared_apps.kit.places import country_name
from shared_apps.sharing.models.order import FETCHED_WITHIN, YEARS_KEPT, Order, OrderQuerySet
from shared_apps.sharing.models.partner import (
    CATEGORIES,
    CannotShare,
    Disclosure,
    Partner,
    PartnerQuerySet,
    Said,
    Verification,
    text_hash,
)
from shared_apps.sharing.models.refusal import Refusal

__all__ = [
    "CATEGORIES",
    "FETCHED_WITHIN",
    "YEARS_KEPT",
    "CannotShare",
    "Disclosure",
    "Order",
    "OrderQuerySet",
    "Partner",
    "PartnerQuerySet",
    "Refusal",
    "Said",
    "Verification",
    "text_hash",
]

history.register(Partner, label="name", exclude=("name_folded",), shown={"country": country_name})
