from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module


class LegalConfig(Module):
    name = "shared_apps.legal"
    label = "legal"
    holdings = (
        Holding(
            "legal.Acceptance",
            whose="client",
            category="legal",
            why=_("To prove which version of the terms you accepted, and when"),
            kept=_("While you use Smoall, then twelve months"),
            exported="shared",
            erased="rows",
            called=_("Terms that were accepted"),
            about="client_uuid",
        ),
    )

    def ready(self) -> None:
        from django.core.checks import register

        from shared_apps.legal import documents

        register(documents.texts_are_unaltered)
