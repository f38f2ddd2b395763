"""Erase what is due: data after its last day, contact details after theirs. The schedule does so every quarter of an hour.

Exits with 1 when something is late, or when more is due than may be begun.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.kit import scope
from tenants import retention
from tenants.management.client_command import ClientCommand, Refused, moment
from tenants.retention import Due


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", type=moment, metavar="ISO", help="as if it were then")
        parser.add_argument("--dry-run", action="store_true", help="say what is due, and do nothing")
        parser.add_argument(
            "--cap", type=int, metavar="N", help="begin N erasures at most, whatever the day's number"
        )

    def run(self, *, now: datetime | None, dry_run: bool, cap: int | None, **options: Any) -> dict[str, Any]:
        clock = timezone.now()
        then = now or clock
        if then.tzinfo is None:
            raise Refused("--now needs a time zone, as in 2027-03-01T00:00+01:00.")
        if then > clock and settings.SMOALL_IS_PRODUCTION and not dry_run:
            raise Refused("Nothing is erased before its day: a later --now is for --dry-run alone.")
        if cap is not None and cap < 0:
            raise Refused("--cap takes a number from 0.")
        with scope.acting(retention.KEEPER):
            outcome = retention.enforce(then, cap=cap, dry_run=dry_run)
        return {
            "now": then.isoformat(),
            "dry_run": dry_run,
            "begun": [_shown(one) for one in outcome.begun],
            "failed": [_shown(one) for one in outcome.failed],
            "held_back": [_shown(one) for one in outcome.held_back],
            "late": [_shown(one) for one in outcome.late],
            "reminded": outcome.reminded,
            "problems": outcome.alarms,
        }

    def say(self, result: dict[str, Any]) -> str:
        verb = "would be erased" if result["dry_run"] else "is being erased"
        lines = [
            f"{one['category']} of client {one['client']} {verb}, due since {one['since']}"
            for one in result["begun"]
        ]
        lines += [f"{result['reminded']} mails about a day that comes."] if result["reminded"] else []
        return "\n".join([*lines, *result["problems"]]) or "Nothing is due."


def _shown(one: Due) -> dict[str, Any]:
    return {
        "departure": one.departure,
        "tenant": one.tenant,
        "client": one.client,
        "category": str(one.category),
        "last_on": one.last_on,
        "since": one.since,
    }
