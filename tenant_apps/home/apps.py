from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Menu, Module


class HomeConfig(Module):
    """The first page of a workspace. No tables of its own."""

    name = "tenant_apps.home"
    label = "home"
    menu = Menu(_("Home"), "home:home", icon="home", order=1)
