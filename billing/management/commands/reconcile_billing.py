"""Compare with the payment processor now: what was seen, what was repaired, what is left. Exit code 1 when something is."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import reconcile


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        row = reconcile.run(now=timezone.now())
        if options["json"]:
            said = {"seen": row.seen, "repaired": row.repaired, "left": row.left, "failed": row.failed}
            self.stdout.write(json.dumps(said, ensure_ascii=False))
        else:
            for title, found in (("Seen", row.seen), ("Repaired", row.repaired), ("Left", row.left)):
                words = ", ".join(f"{what} {number}" for what, number in found.items()) or "nothing"
                self.stdout.write(f"{title}: {words}.")
        if row.failed or row.left:
            raise CommandError(row.failed or "Something is left that has to be looked at.")
