from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import ADMIN, MEMBER, Holding, Menu, Module

AS_LONG = _("As long as your data, or until you delete it")


class ContactsConfig(Module):
    name = "tenant_apps.contacts"
    label = "contacts"
    verbose_name = _("Contacts")
    menu = Menu(_("Contacts"), "contacts:list", icon="users", order=10, right="contacts.view", searches=True)
    rights = {
        "contacts.view": MEMBER,
        "contacts.edit": MEMBER,
        "contacts.delete": ADMIN,
        "contacts.import": ADMIN,
        "contacts.export": MEMBER,
    }
    purposes = {
        "contacts.verify": _("To check a file of contacts before it is imported"),
        "contacts.commit": _("To import contacts from a file"),
        "contacts.forget": _("To forget the file of an import"),
    }
    holdings = (
        Holding(
            "contacts.Contact",
            whose="client",
            category="data",
            why=_("To know whom you sell to and buy from"),
            kept=AS_LONG,
            exported="rows",
            erased="schema",
            personal=(
                "name",
                "name_folded",
                "first_name",
                "last_name",
                "email",
                "phone",
                "mobile",
                "website",
                "street",
                "postal_code",
                "city",
                "city_folded",
                "job_title",
                "iban",
                "vat_number",
                "notes",
                "search",
            ),
            identifies=("name", "email", "phone", "mobile", "iban", "vat_number"),
        ),
        Holding(
            "contacts.Tag",
            whose="client",
            category="data",
            why=_("To group contacts in your own words"),
            kept=AS_LONG,
            exported="rows",
            erased="schema",
            personal=("name", "name_folded"),
        ),
        Holding(
            "contacts.Contact_tags",
            whose="client",
            category="data",
            why=_("To know which contact has which tag"),
            kept=AS_LONG,
            exported="rows",
            erased="schema",
            called=_("Tags of contacts"),
        ),
        Holding(
            "contacts.Attachment",
            whose="client",
            category="data",
            why=_("To keep a contact’s files with the contact"),
            kept=AS_LONG,
            exported="rows",
            erased="schema",
            personal=("name",),
        ),
        Holding(
            "contacts.Import",
            neutral="emptied",
            whose="client",
            category="data",
            why=_("To show what a file holds before it is imported"),
            kept=_("Until it is imported, a day at most"),
            exported="rows",
            erased="schema",
            personal=("file_name", "header", "refused", "duplicates"),
            called=_("Imports of contacts"),
        ),
        Holding(
            "files:contacts",
            whose="client",
            category="data",
            why=_("Files of contacts, and files being imported"),
            kept=AS_LONG,
            exported="files",
            erased="files",
            called=_("Files of contacts"),
        ),
    )
