from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class MailConfig(Module):
    name = "shared_apps.mail"
    label = "mail"
    purposes = {
        "mail.deliver": _("To send a mail that was asked for"),
        "mail.tidy": _("To forget mails that were sent"),
    }
    holdings = (
        Holding(
            "mail.Message",
            whose="user",
            category="contact",
            exported="rows",
            erased="schema",
            personal=("to_address", "to_name", "subject", "body"),
            why=_("To send you the mails that you need, once"),
            kept=_("The text until it is sent, its record for thirty days"),
        ),
        Holding(
            "files:mails",
            whose="user",
            category="contact",
            exported="no",
            erased="files",
            why=_("In development alone: to show mails instead of sending them"),
            kept=_("As long as your data"),
        ),
    )
