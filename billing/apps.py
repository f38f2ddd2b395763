from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.holdings import INVOICE_HOLDINGS
from shared_apps import accounts
from shared_apps.kit import prices
from shared_apps.kit.module import ADMIN, MEMBER, Holding, Menu, Module, Purpose, join


class BillingConfig(Module):
    """What Smoall's clients pay: plans, subscriptions, Smoall's own invoices. The processor alone sees cards (P15)."""

    name = "billing"
    label = "billing"
    verbose_name = _("Billing")
    menu = Menu(
        _("Plan and invoices"), "billing:home", icon="credit-card", order=85, right="billing.manage",
        short=pgettext_lazy("menu", "Plan"),
    )  # fmt: skip
    console = (
        Menu(_("Revenue"), "billing-ops:revenue", icon="banknotes", order=4, right="operators.billing"),
    )
    rights = {"billing.manage": ADMIN, "billing.invoices": ADMIN, "operators.billing": MEMBER}
    purposes = {
        "billing.seats": _("To count the people of a workspace, for its price"),
        "billing.customer": _("To keep what the payment operator knows of you right, and to have it deleted"),
        "billing.align": _("To bring your plan in line with the number of your people, and with a notice"),
        "billing.ending": Purpose(
            _("To give you back, when you leave, what you paid for and will not use"), mail="service"
        ),
        "billing.limits": Purpose(
            _("To tell you in time that there are more of you than your plan is meant for"), mail="service"
        ),
        "billing.standing": Purpose(
            _("To tell you of the end of a trial, of a missed payment, and what follows from it"),
            mail="service",
        ),
        "billing.reconcile": _("To compare what we know of payments with what the payment operator knows"),
        "billing.reminder": Purpose(
            _("To remind you, politely, of an invoice that is not paid yet"), mail="service"
        ),
        "billing.upkeep": _("To forget invoices whose ten years are over"),
        "billing.alarm": Purpose(
            _("To tell operators what the comparison could not put right"), mail="service"
        ),
    }
    holdings = (
        Holding(
            "billing.Account",
            neutral="emptied",
            whose="client",
            category="billing",
            why=_(
                "To take your payments: your customer number at the payment operator, and what it was told"
            ),
            kept=_("From your first order on, as long as your contact details"),
            exported="shared",
            erased="rows",
            personal=("billing_email", "reference", "sent"),
            called=_("Your account at the payment operator"),
            about="client_uuid",
        ),
        Holding(
            "billing.Subscription",
            neutral="emptied",
            whose="client",
            category="billing",
            why=_("To know what you ordered, for how many people and until when"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("Your trial and your plan"),
            about="client_uuid",
        ),
        Holding(
            "billing.Seats",
            whose="client",
            category="billing",
            why=_("To invoice: the one number that your workspace tells, how many people it has"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("The number of your people"),
            about="client_uuid",
        ),
        Holding(
            "billing.Parting",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("To have the payment operator delete its record of a client who is gone"),
            kept=_("Until it is deleted there; it holds two keys and nothing else"),
            exported="no",
            erased="public",
            called=_("Records to be deleted at the payment operator"),
        ),
        Holding(
            "billing.Event",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("So that a message of the payment operator has its effect once"),
            kept=_("180 days: number, kind and time, never what it says"),
            exported="no",
            erased="public",
            called=_("Messages of the payment operator"),
        ),
        Holding(
            "billing.Figure",
            whose="smoall",
            category="billing",
            why=_("To know what recurs: numbers of a day and a plan, of nobody in particular"),
            kept=_("For ever; they name nobody"),
            exported="no",
            erased="public",
            called=_("Revenue by day"),
        ),
        Holding(
            "billing.Reconciliation",
            whose="smoall",
            category="technical",
            why=_("To show operators whether what we know of payments is what the payment operator knows"),
            kept=_("For ever; they are numbers and name nobody"),
            exported="no",
            erased="public",
            called=_("Comparisons with the payment operator"),
        ),
        *INVOICE_HOLDINGS,
    )

    def ready(self) -> None:
        from billing import (
            catalogue,
            customers,
            ending,
            issuing,
            seats,
            standing,
            subscriptions,
            views_contact,
            walls,
        )
        from tenants import correction, departure, export, forgetting, provision
        from tenants.schemas import snapshot
        from tenants.views import contact as contact_pages

        join(accounts.watchers, seats.ask)
        join(correction.watchers, customers.details_changed)
        join(departure.watchers, subscriptions.align_later)
        join(export.sources, customers.exported, issuing.exported)
        join(snapshot.shared_walls, walls.statements)
        join(contact_pages.papers, views_contact.papers)
        join(forgetting.further, customers.FURTHER)
        join(prices.sources, catalogue.listed)
        join(provision.watchers, standing.begin, ending.begin)
