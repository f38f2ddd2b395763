from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class MailConfig(Module):
    name = "shared_apps.mail"
    label = "mail"
    purposes = {
        "mail.deliver": _("To send a mail that was asked for"),
        "mail.tidy": _("To forget mails that were sent"),
        "mail.lift": _("To mail an address again that mails had come back from"),
    }
    holdings = (
        Holding(
            "mail.Message",
            neutral="emptied",
            whose="user",
            category="contact",
            exported="rows",
            erased="schema",
            personal=("to_address", "to_name", "subject", "body"),
            why=_("To send you the mails that you need, once"),
            kept=_("The text until it is sent, its record for thirty days"),
            called=_("Mails that Smoall sends"),
            about="about",
            person="to_address",
        ),
        Holding(
            "mail.Refusal",
            neutral="emptied",
            whose="user",
            category="contact",
            exported="rows",
            erased="schema",
            why=_("To send no general information to whoever refuses it, and to honour an opt-out"),
            kept=_("Until it is taken back or the contact details are erased; the address is a keyed hash"),
            called=_("Mails that were refused"),
            about="about",
            person="print:address",
        ),
        Holding(
            "mail.Suppression",
            neutral="emptied",
            whose="user",
            category="technical",
            exported="no",
            erased="schema",
            why=_("Not to mail an address that mails come back from, or whose holder complained"),
            kept=_("A year after mails came back; a complaint as long as the contact details"),
            called=_("Addresses that mails came back from"),
            about="about",
            person="print:address",
        ),
        Holding(
            "files:mails",
            whose="user",
            category="contact",
            exported="no",
            erased="files",
            why=_("In development alone: to show mails instead of sending them"),
            kept=_("As long as your data"),
            called=_("Mails as files"),
            person="unknown",
        ),
    )
