from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module, Purpose


class LegalConfig(Module):
    """The pages are the website's, the workspace's (tenants) and the operators'."""

    name = "shared_apps.legal"
    label = "legal"
    purposes = {
        "legal.policy": Purpose(
            _("To tell you of a change in how contact details are used, and to let you refuse it"),
            mail="policy",
        ),
        "legal.notices": _(
            "To tell of such a change whoever comes before it counts, with the same time to refuse"
        ),
    }
    holdings = (
        Holding(
            "legal.Acceptance",
            plain=("kind", "version", "sha256"),
            whose="client",
            category="legal",
            why=_("To prove which version of the terms you accepted, and when"),
            kept=_("While you use Smoall, then twelve months"),
            exported="shared",
            erased="rows",
            called=_("Terms that were accepted"),
            about="client_uuid",
        ),
        Holding(
            "legal.Notice",
            whose="client",
            category="legal",
            why=_("To tell you once of a change in how contact details are used"),
            kept=_("While you use Smoall, then twelve months"),
            exported="shared",
            erased="rows",
            about="client_uuid",
        ),
        Holding(
            "legal.Publication",
            plain=("kind", "version", "digests"),
            whose="smoall",
            category="legal",
            why=_("To prove which text counted when, and who decided what it changes"),
            kept=_("For ever: what was published stays known"),
            exported="no",
            erased="public",
        ),
    )

    def ready(self) -> None:
        from django.core.checks import register

        from shared_apps.legal import documents

        register(documents.texts_are_unaltered)
