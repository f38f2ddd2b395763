"""Make a client's workspace now, and print where its first owner enters.

The terms are accepted at the first visit, through the mailed link or the printed one.
"""

from datetime import datetime, timedelta
from time import sleep
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from shared_apps.kit import scope, tokens
from tenants import names, opening, sagas, sign_up
from tenants.forms import CompanyForm
from tenants.management.client_command import ClientCommand, Refused
from tenants.models import Saga, SignUp

OVER = (Saga.Status.DONE, Saga.Status.FAILED, Saga.Status.CANCELLED)
LONGEST = timedelta(minutes=5)


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", required=True)
        parser.add_argument("--subdomain", required=True, help="the label of its address")
        parser.add_argument("--email", required=True, help="of the first owner, who gets a mail")
        parser.add_argument(
            "--name", default="", help="of the first owner; else made from the e-mail address"
        )
        parser.add_argument("--language", default="fr", choices=[code for code, _name in settings.LANGUAGES])
        parser.add_argument("--country", default="BE", help="two letters")
        parser.add_argument("--vat", default="", help="VAT number, checked when given")

    def run(self, **options: Any) -> dict[str, Any]:
        typed = {
            **options,
            "vat_number": options["vat"],
            "name": options["name"] or _name_from(options["email"]),
            "country": options["country"].upper(),
        }
        with scope.shared():
            answers = _checked(typed)
        now = timezone.now()
        try:
            saga = sign_up.open_for(answers, now=now)
        except names.BadName as error:
            raise Refused(str(error)) from error
        self._finish(saga, now)
        return _made(saga)

    def _finish(self, saga: Saga, started: datetime) -> None:
        """Do the steps here, unless a worker is at it. Raises Refused; what was begun is then taken back."""
        while saga.status not in OVER:
            saga = sagas.run(saga.pk)
            self.progress(saga.progress, gettext(saga.doing) if saga.doing else "")
            if saga.error:
                _take_back(saga)
                raise Refused(f"It failed, and nothing was kept: {saga.error}")
            if timezone.now() - started > LONGEST:
                raise Refused(
                    "It takes longer than five minutes: a worker goes on with it; see list_clients."
                )
            if saga.status not in OVER:
                sleep(0.2)
        self.progress(100, "")

    def say(self, result: dict[str, Any]) -> str:
        return (
            f"The workspace is ready: {result['url']}\n"
            f"Its first owner chooses a password here, once, within 24 hours:\n{result['enter']}"
        )


def _checked(typed: dict[str, Any]) -> sign_up.Answers:
    """Raises Refused with every reason."""
    form = CompanyForm(typed)
    if not form.is_valid():
        reasons = [f"{field}: {reason}" for field, texts in form.errors.items() for reason in texts]
        raise Refused("\n".join(reasons))
    return form.answers()


def _name_from(email: str) -> str:
    """ "marie.dupont@…" is Marie Dupont, until she says otherwise."""
    return email.partition("@")[0].replace(".", " ").replace("_", " ").replace("-", " ").title()


def _made(saga: Saga) -> dict[str, Any]:
    """What is printed. Raises Refused when somebody erased the workspace in this very moment."""
    with scope.shared():
        try:
            found = opening.of_saga(saga.pk)
        except tokens.BadToken:
            raise Refused("The workspace is gone again.") from None
        tenant, owner = found.tenant, found.owner
        if tenant is None or owner is None:
            raise Refused("The workspace is gone again.")
        return {
            "subdomain": tenant.subdomain, "tenant": tenant.id, "client": tenant.client_id, "url": tenant.url,
            "enter": opening.door(tenant, owner),
        }  # fmt: skip


def _take_back(saga: Saga) -> None:
    """The steps see that nothing is wanted any more, and leave nothing."""
    with scope.shared():
        for row in SignUp.objects.filter(pk=saga.data["sign_up"]):
            sign_up.forget(row)
        sagas.hasten(saga, timezone.now())
    sagas.run(saga.pk)
