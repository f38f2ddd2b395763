from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class ClientsConfig(Module):
    name = "shared_apps.clients"
    label = "clients"
    holdings = (
        Holding(
            "clients.Client",
            whose="client",
            category="contact",
            why=_("To reach you, to invoice you, and to show your integrator whom it works for"),
            kept=_("While you use Smoall, then twelve months"),
            exported="shared",
            erased="rows",
            personal=("contact_name", "contact_email", "phone"),
            called=_("Contact details of the company"),
            about="pk",
        ),
    )
