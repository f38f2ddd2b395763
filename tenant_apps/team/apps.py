from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import ADMIN, MEMBER, Menu, Module


class TeamConfig(Module):
    """No tables of its own: people, sessions and sign-ins are accounts'."""

    name = "tenant_apps.team"
    label = "team"
    menu = Menu(_("Team"), "team:list", icon="user-group", order=80, right="team.view")
    rights = {"team.view": MEMBER, "team.manage": ADMIN}
