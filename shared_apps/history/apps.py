from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class HistoryConfig(Module):
    name = "shared_apps.history"
    label = "history"
    holdings = (
        Holding(
            "history.LogEntry",
            whose="client",
            category="data",
            why=_("To know every change and who made it"),
            kept=_("As long as your data"),
            exported="rows",
            erased="schema",
            personal=("object_repr", "changes", "actor_name", "actor_behalf"),
            called=_("The history of every change"),
            about="rows:object_pk",
            person="actor_id",
        ),
        Holding(
            "history.Event",
            whose="client",
            category="data",
            why=_("To know when copies of all data were made and taken"),
            kept=_("As long as your data"),
            exported="rows",
            erased="schema",
            called=_("Events of the workspace"),
            about="nobody",
        ),
    )
