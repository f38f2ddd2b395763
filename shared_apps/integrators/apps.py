from django.utils.translation import gettext_lazy as _

from shared_apps import sharing
from shared_apps.kit.module import ADMIN, MEMBER, Holding, Menu, Module, Purpose, join


class IntegratorsConfig(Module):
    """`partner.*` are rights of an integrator's people on app., `integrators.*` of a workspace's."""

    name = "shared_apps.integrators"
    label = "integrators"
    verbose_name = _("Integrator")
    console = (
        Menu(_("Clients"), "integrators:clients", icon="building-office", order=10, right="partner.view"),
        Menu(_("Organisation"), "organisation:home", icon="users", order=20, right="partner.view"),
    )
    rights = {"partner.view": MEMBER, "partner.manage": MEMBER, "integrators.manage": ADMIN}
    purposes = {
        "integrators.link": Purpose(
            _("To tell you and your integrator that a link was proposed, accepted or ended"), mail="service"
        ),
        "integrators.in_use": Purpose(
            _("To tell you that an integrator wanted to invite your address, which is in use already"),
            mail="service",
        ),
    }
    holdings = (
        Holding(
            "integrators.Organisation",
            whose="partner",
            category="contact",
            why=_("To know the integrators that clients work with"),
            kept=_("As long as it is an integrator of Smoall"),
            exported="no",
            erased="public",
            called=_("Integrators"),
        ),
        Holding(
            "integrators.Membership",
            whose="partner",
            category="contact",
            why=_("To know who signs in for an integrator"),
            kept=_("As long as the person works there"),
            exported="no",
            erased="public",
            called=_("People of integrators"),
            person="user",
        ),
        Holding(
            "integrators.IdleInvitation",
            whose="partner",
            category="contact",
            why=_("To tell an integrator nothing of who else signs in with an address that it invites"),
            kept=_("Until the integrator withdraws it"),
            exported="no",
            erased="public",
            called=_("Invitations to addresses in use"),
        ),
        Holding(
            "integrators.Link",
            whose="client",
            category="contact",
            why=_("To show your contact details to the integrator that you chose"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("Links with an integrator"),
            about="client",
        ),
        Holding(
            "integrators.Look",
            whose="client",
            category="contact",
            why=_("To show you who of your integrator saw your contact details, and on which day"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            personal=("person",),
            called=_("Looks of an integrator at your contact details"),
            about="client",
        ),
    )

    def ready(self) -> None:
        from shared_apps.integrators.models import Look

        join(sharing.sources, Look.entries)
