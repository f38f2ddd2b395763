"""Make the demo: three workspaces with up to a year behind them, one of them leaving; an integrator, an operator.

What is there stays as it is. Writes demo.json into the data folder: the addresses and sign-ins that the start prints.
With --code, print what the operator's app for codes shows now, and do nothing else. Not for production.
"""

import base64
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.demo import bakery, florist, partners, paying, workshop, workspace
from config.demo.diary import Calendar
from config.demo.workspace import PASSWORD, Plan, Someone
from shared_apps.kit import scope
from tenants import names
from tenants.models import Domain, host_url

# Plan, period, and the days that are left of the trial.
ORDERS = {
    workshop.SUBDOMAIN: ("company", "month", 0),
    bakery.SUBDOMAIN: ("small", "year", 12),
    florist.SUBDOMAIN: None,
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--code", action="store_true", help="print the operator's second factor")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.SMOALL_IS_PRODUCTION:
            raise CommandError("The demo has a password that everybody knows: it is not for production.")
        if options["code"]:
            self.stdout.write(partners.code(timezone.now()))
            return
        today = timezone.localdate()
        plans = [
            workshop.plan(Calendar(today, opens=8, closes=18)),
            bakery.plan(Calendar(today, opens=6, closes=13, works_on_saturday=True, length=bakery.LENGTH)),
            florist.plan(Calendar(today, opens=9, closes=18, works_on_saturday=True, length=florist.LENGTH)),
        ]
        made = [plan for plan in plans if self._make(plan)]
        partners.make(workshop.SUBDOMAIN, plans[0].calendar)
        if not paying.make(ORDERS, partners.OPERATOR.email, now=timezone.now()):
            self.stdout.write(
                "The stand-in for the payment operator does not answer: nobody pays in the demo."
            )
        text = json.dumps(_doors(made), indent=1, ensure_ascii=False)
        (settings.SMOALL_DATA / "demo.json").write_text(text + "\n")

    def _make(self, plan: Plan) -> bool:
        """Whether the workspace is there now."""
        with scope.shared():
            if Domain.objects.filter(domain=plan.subdomain).exists():
                return True
        try:
            workspace.make(plan)
        except names.BadName:  # it was erased: its name is never given again
            self.stdout.write(f"{plan.subdomain} was erased or its name is taken: it is left out.")
            return False
        return True


def _doors(made: list[Plan]) -> dict[str, Any]:
    """{"addresses": [{"who", "url"}], "sign_ins": [{"who", "url", "email", "password"}]}.

    Whoever is asked for a second factor also has "then", how to get the code, and "app_secret", what makes it.
    """
    companies = [{"who": plan.client["company"], "url": f"{host_url(plan.subdomain)}/"} for plan in made]
    hosts = {"Website": "", "Sign-up, integrators": "app", "Operators": "ops"}
    people = [
        _door(someone, someone.role.name.lower(), plan.subdomain)
        for plan in made
        for someone in plan.people
        if someone.enters and not someone.leaves
    ]
    people.append(_door(partners.INTEGRATOR, "integrator", "app"))
    secret = base64.b32encode(partners.APP_SECRET).decode()
    then = {"then": "manage.py demo --code", "app_secret": secret}
    people.append(_door(partners.OPERATOR, "operator", "ops") | then)
    return {
        "addresses": [{"who": who, "url": f"{host_url(label)}/"} for who, label in hosts.items()] + companies,
        "sign_ins": people,
    }


def _door(someone: Someone, role: str, label: str) -> dict[str, str]:
    who = f"{someone.name}, {role}"
    return {"who": who, "url": f"{host_url(label)}/sign-in/", "email": someone.email, "password": PASSWORD}
