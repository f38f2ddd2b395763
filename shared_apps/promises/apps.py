from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import MEMBER, Holding, Menu, Module, Purpose


class PromisesConfig(Module):
    name = "shared_apps.promises"
    label = "promises"
    verbose_name = _("Promises")
    console = (
        Menu(_("Promises"), "promises:results", icon="shield-check", order=5, right="operators.promises"),
    )
    rights = {"operators.promises": MEMBER}
    purposes = {
        "promises.prove": _("To look, several times a day, whether what we promise is so"),
        "promises.alarm": Purpose(_("To tell operators that a promise is broken"), mail="service"),
    }
    holdings = (
        Holding(
            "promises.Proof",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("To show when each promise was last looked at, and what was seen: numbers alone"),
            kept=_("Ninety days"),
            exported="no",
            erased="public",
        ),
    )
