"""Two registers: what people ask about their data, with its month; breaches of security, with their 72 hours.

Both are operators' work. Neither is a ticket system: one request, one answer.
"""

from shared_apps import history
from shared_apps.requests.models.breach import Breach, BreachQuerySet, CannotNote, Notice, Supplement
from shared_apps.requests.models.request import CannotAnswer, Request, RequestQuerySet

__all__ = [
    "Breach",
    "BreachQuerySet",
    "CannotAnswer",
    "CannotNote",
    "Notice",
    "Request",
    "RequestQuerySet",
    "Supplement",
]

PERSONAL = ("from_name", "from_address", "text", "answer", "extended_because", "scan", "scan_type")
history.register(Request, label="kind", exclude=PERSONAL)
history.register(Breach, label="summary", exclude=("notices",))
