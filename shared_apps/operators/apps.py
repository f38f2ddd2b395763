from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import MEMBER, Holding, Menu, Module, Purpose


class OperatorsConfig(Module):
    """The console of ops.: every operator has every right here, for now; nobody else has one."""

    name = "shared_apps.operators"
    label = "operators"
    verbose_name = _("Operations")
    console = (
        Menu(_("Overview"), "operators:overview", icon="home", order=1, right="operators.view"),
        Menu(_("Clients"), "operators:clients", icon="building-office", order=2, right="operators.view"),
        Menu(
            _("Departures"),
            "operators:departures",
            icon="arrow-right-start-on-rectangle",
            order=3,
            right="operators.view",
        ),
        Menu(_("Work"), "operators:work", icon="queue-list", order=3, right="operators.view"),
        Menu(_("Integrators"), "operators:integrators", icon="link", order=4, right="operators.view"),
        Menu(_("Who got what"), "operators:partners", icon="eye", order=4, right="operators.view"),
        Menu(_("Legal texts"), "operators:documents", icon="document-text", order=4, right="operators.view"),
        Menu(_("Operators"), "operators:team", icon="users", order=5, right="operators.view"),
        Menu(_("Mails"), "operators:mails", icon="envelope", order=6, right="operators.mails"),
        Menu(_("Health"), "operators:health", icon="heart", order=6, right="operators.view"),
    )
    rights = {
        "operators.view": MEMBER,
        "operators.provision": MEMBER,
        "operators.suspend": MEMBER,
        "operators.copy": MEMBER,
        "operators.erase": MEMBER,
        "operators.leave": MEMBER,
        "operators.retry": MEMBER,
        "operators.inspect": MEMBER,
        "operators.mails": MEMBER,
        "operators.integrators": MEMBER,
        "operators.team": MEMBER,
        "operators.partners": MEMBER,
        "operators.orders": MEMBER,
        "operators.publish": MEMBER,
    }
    purposes = {
        "operators.copy": Purpose(
            _("To ask the owners of a workspace to take a copy of their data"), mail="service"
        ),
        "operators.retention": Purpose(
            _("To erase what is due on its day, and to tell operators what could not be"), mail="service"
        ),
        "operators.inspect": _("To find what doesn't fit together, before it does harm"),
    }
    holdings = (
        Holding(
            "operators.Inspection",
            whose="smoall",
            category="technical",
            why=_("To show operators what doesn't fit together, and how big workspaces are"),
            kept=_("Until the next look, a day at most"),
            exported="no",
            erased="public",
        ),
    )
