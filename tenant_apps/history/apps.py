from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import ADMIN, MEMBER, Menu, Module


class HistoryPagesConfig(Module):
    """Pages alone: the entries are shared_apps.history's, written by the database."""

    name = "tenant_apps.history"
    label = "history_pages"
    verbose_name = _("History")
    menu = Menu(_("History"), "history:list", icon="clock", order=70, right="history.view")
    rights = {"history.view": MEMBER, "history.all": ADMIN}
