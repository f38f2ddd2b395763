from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Module


class BillingConfig(Module):
    """What Smoall's clients pay: plans, subscriptions, Smoall's own invoices. The processor alone sees cards (P15)."""

    name = "billing"
    label = "billing"
    verbose_name = _("Billing")
