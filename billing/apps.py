from django.utils.translation import gettext_lazy as _

from billing.holdings import INVOICE_HOLDINGS
from shared_apps.kit.module import Module, Purpose, join


class BillingConfig(Module):
    name = "billing"
    label = "billing"
    verbose_name = _("Billing")
    purposes = {
        "billing.reminder": Purpose(
            _("To remind you, politely, of an invoice that is not paid yet"), mail="service"
        ),
        "billing.upkeep": _("To prepare invoices as files, and to forget those whose ten years are over"),
    }
    rights = {}
    holdings = (*INVOICE_HOLDINGS,)

    def ready(self) -> None:
        from billing import walls
        from tenants import snapshot

        join(snapshot.shared_walls, walls.statements)
