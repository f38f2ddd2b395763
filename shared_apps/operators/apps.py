from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import ADMIN, MEMBER, OWNER, Holding, Menu, Module, Purpose, join


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
        Menu(_("Access to data"), "operators:grants", icon="eye", order=3, right="operators.view"),
        Menu(_("Work"), "operators:work", icon="queue-list", order=3, right="operators.view"),
        Menu(_("Fleet"), "operators:fleet", icon="square-3-stack-3d", order=3, right="operators.view"),
        Menu(_("Integrators"), "operators:integrators", icon="link", order=4, right="operators.view"),
        Menu(_("Who got what"), "operators:partners", icon="eye", order=4, right="operators.view"),
        Menu(_("Requests"), "operators:requests", icon="inbox", order=4, right="operators.view"),
        Menu(_("Legal texts"), "operators:documents", icon="document-text", order=4, right="operators.view"),
        Menu(_("Operators"), "operators:team", icon="users", order=5, right="operators.view"),
        Menu(_("Mails"), "operators:mails", icon="envelope", order=6, right="operators.mails"),
        Menu(_("Health"), "operators:health", icon="heart", order=6, right="operators.view"),
    )
    rights = {
        "operators.view": MEMBER,
        "operators.sign": MEMBER,
        "operators.enter": MEMBER,
        "support.view": ADMIN,
        "support.manage": OWNER,
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
        "operators.requests": MEMBER,
        "operators.breaches": MEMBER,
        "operators.publish": MEMBER,
    }
    purposes = {
        "operators.grant": Purpose(
            _("To tell the owners of a workspace that somebody of Smoall enters it, and why"), mail="service"
        ),
        "operators.invited": Purpose(
            _("To tell every operator that somebody is invited to become one"), mail="service"
        ),
        "operators.copy": Purpose(
            _("To ask the owners of a workspace to take a copy of their data"), mail="service"
        ),
        "operators.retention": Purpose(
            _("To erase what is due on its day, and to tell operators what could not be"), mail="service"
        ),
        "operators.requests": Purpose(
            _("To tell operators of requests and breaches whose time is over, and to forget old names"),
            mail="service",
        ),
        "operators.partners": Purpose(
            _("To tell operators in time that a partner’s privacy policy has to be read again"),
            mail="service",
        ),
        "operators.inspect": Purpose(
            _("To find what doesn’t fit together, before it does harm"), mail="service"
        ),
    }
    holdings = (
        Holding(
            "operators.Grant",
            neutral="emptied",
            whose="client",
            category="contact",
            why=_("To show you who of Smoall may enter your workspace, why and until when"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            personal=("operator_name", "consented_by", "ended_by"),
            of_workspace=("consented_by", "ended_by"),
            called=_("Grants to enter your workspace"),
            about="client",
        ),
        Holding(
            "operators.Visit",
            neutral="emptied",
            whose="client",
            category="contact",
            why=_("To show you which pages somebody of Smoall opened in your workspace"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("Pages that somebody of Smoall opened"),
            about="grant__client",
        ),
        Holding(
            "operators.ConsentRule",
            whose="client",
            category="contact",
            why=_("To ask you first before somebody of Smoall enters your workspace"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("Whether you are asked before somebody of Smoall enters"),
            about="client",
        ),
        Holding(
            "operators.Signature",
            plain=("version", "sha256"),
            whose="smoall",
            category="legal",
            why=_("To prove who of us is bound to confidentiality, by which text and since when"),
            kept=_("For ever: the duty has no end"),
            exported="no",
            erased="public",
            called=_("Signatures of confidentiality"),
        ),
        Holding(
            "operators.Inspection",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("To show operators what doesn’t fit together, and how big workspaces are"),
            kept=_("Until the next look, a day at most"),
            exported="no",
            erased="public",
            called=_("Looks at the whole of Smoall"),
        ),
    )

    def ready(self) -> None:
        from shared_apps import sharing
        from shared_apps.operators.models import Grant
        from tenants import export

        join(sharing.sources, Grant.entries)
        join(export.sources, Grant.exported)
