"""Smoall's invoices of a period for its accountant: `export_invoices --from 2026-01-01 --until 2026-03-31 --out q1.zip`."""

from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import accountant
from shared_apps.kit import scope


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day: write it as 2026-12-31") from error


class Command(BaseCommand):
    help = "Writes the invoices of a period, as tables and files, into a ZIP file that is not there yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=day, required=True, help="first day, as 2026-01-01")
        parser.add_argument("--until", dest="last", type=day, required=True, help="last day, included")
        parser.add_argument("--out", type=Path, required=True, help="the ZIP file to be written")

    def handle(self, *args: Any, first: date, last: date, out: Path, **options: Any) -> None:
        partial = out.with_name(out.name + ".part")
        try:
            if out.exists():
                raise CommandError(f"{out} is there already.", returncode=1)
            with partial.open("xb") as file, scope.shared(actor=scope.Actor("system", "command", "Smoall")):
                count = accountant.write(file, first=first, last=last, now=timezone.now())
            partial.rename(out)
        except (OSError, ValueError) as error:
            partial.unlink(missing_ok=True)
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(f"{count} documents: {out}")
