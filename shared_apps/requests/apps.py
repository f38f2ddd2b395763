from django.utils.translation import gettext_lazy as _

from shared_apps import mail
from shared_apps.kit.module import ADMIN, OWNER, Holding, Module, Purpose, join

KEPT = _(
    "The names, the text and the answer for three years after the answer, or until your contact details are erased; "
    "then its kind and dates, which name nobody. Whoever else asked for themselves is answered first"
)


class RequestsConfig(Module):
    """The operators' pages of both registers are in shared_apps/operators."""

    name = "shared_apps.requests"
    label = "requests"
    verbose_name = _("Requests")
    rights = {"requests.view": ADMIN, "requests.write": OWNER}
    purposes = {
        "requests.answer": Purpose(
            _("To answer what you asked about your data, or to say until when we will"), mail="service"
        ),
        "requests.breach": Purpose(
            _("To tell you of a breach of security that concerns you"), mail="service"
        ),
    }
    holdings = (
        Holding(
            "requests.Request",
            neutral="emptied",
            whose="client",
            category="legal",
            called=_("What you asked about your data"),
            why=_("To answer within a month what somebody asks about their data, and to prove it"),
            kept=KEPT,
            exported="shared",
            erased="rows",
            about="client_uuid",
            personal=("from_name", "from_address", "text", "answer", "extended_because"),
        ),
        Holding(
            "files:requests",
            whose="client",
            category="legal",
            called=_("Letters with a request"),
            why=_("To answer within a month what somebody asks about their data, and to prove it"),
            kept=KEPT,
            exported="no",
            erased="files",
            about="folder",
        ),
        Holding(
            "requests.Breach",
            neutral="emptied",
            whose="smoall",
            category="legal",
            called=_("Breaches of security"),
            why=_(
                "To keep what happened, what was done and who was told, as the GDPR asks for in article 33(5)"
            ),
            kept=_("For ever; it names no client and nobody of theirs"),
            exported="no",
            erased="public",
        ),
        Holding(
            "requests.Supplement",
            neutral="emptied",
            whose="smoall",
            category="legal",
            called=_("Supplements about breaches of security"),
            why=_("To keep what clients were told of a breach once more was known"),
            kept=_("For ever; it names no client and nobody of theirs"),
            exported="no",
            erased="public",
        ),
        Holding(
            "requests.Notice",
            neutral="emptied",
            whose="client",
            category="legal",
            called=_("Breaches of security that concern you"),
            why=_("To tell you once of each breach of security that concerns you, and to prove it"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            about="client_uuid",
        ),
    )

    def ready(self) -> None:
        from shared_apps.requests import mails

        join(mail.watchers, mails.note)
