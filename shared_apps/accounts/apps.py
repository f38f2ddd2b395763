from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding, Module, Purpose


class AccountsConfig(Module):
    name = "shared_apps.accounts"
    label = "accounts"
    purposes = {
        "accounts.reset": Purpose(_("To let you set a new password"), mail="transactional"),
        "accounts.email": Purpose(
            _("To let you sign in with another e-mail address, and to tell the old one"), mail="transactional"
        ),
        "accounts.invitation": Purpose(_("To invite somebody whom your workspace names"), mail="service"),
        "accounts.factor": Purpose(
            _("To tell you that the second factor of your sign-in changed"), mail="service"
        ),
        "accounts.expire": _("To close the ledger of sessions that ran out"),
    }
    holdings = (
        Holding(
            "accounts.User",
            whose="user",
            category="data",
            why=_("To know who may work here, and to name the author of each change"),
            kept=_("As long as the workspace: people are deactivated, so that the history keeps its authors"),
            exported="rows",
            erased="schema",
            personal=("name", "email"),
            secret=("password",),
            called=_("Those who may sign in"),
            about="nobody",
            person="pk",
            identifies=("name", "email"),
        ),
        Holding(
            "accounts.Totp",
            neutral="emptied",
            whose="user",
            category="data",
            why=_("To ask for the code of an app after your password"),
            kept=_("Until you remove it"),
            exported="no",  # an app or passkey is for one workspace at one address: another one sets up its own
            erased="schema",
            personal=("holder",),
            secret=("sealed",),
            called=_("Apps for codes"),
            about="nobody",
            person="user",
        ),
        Holding(
            "accounts.Passkey",
            neutral="emptied",
            whose="user",
            category="data",
            why=_("To ask for your passkey after your password"),
            kept=_("Until you remove it"),
            exported="no",
            erased="schema",
            personal=("name",),
            secret=("credential_id", "public_key"),
            called=_("Passkeys"),
            about="nobody",
            person="user",
        ),
        Holding(
            "accounts.RecoveryCodes",
            neutral="emptied",
            whose="user",
            category="data",
            why=_("To let you in when your app or passkey is lost"),
            kept=_("Until you make new ones or remove your second factor"),
            exported="no",
            erased="schema",
            personal=("holder",),
            secret=("hashes",),
            called=_("Recovery codes"),
            about="nobody",
            person="user",
        ),
        Holding(
            "accounts.SignIn",
            neutral="emptied",
            whose="user",
            category="data",
            why=_("To show when and how each session began and ended"),
            kept=_("As long as the workspace"),
            exported="rows",
            erased="schema",
            personal=("device",),
            called=_("Sign-ins and sign-outs"),
            about="nobody",
            person="user",
        ),
        Holding(
            "accounts.Session",
            neutral="emptied",
            whose="user",
            category="technical",
            why=_("To keep you signed in"),
            kept=_("Until you sign out, fourteen days at most without a visit"),
            exported="no",
            erased="schema",
            called=_("Open sessions"),
            about="nobody",
            person="user",
        ),
        Holding(
            "accounts.Throttle",
            neutral="emptied",
            whose="user",
            category="technical",
            why=_("To slow down whoever guesses passwords; the account is a keyed hash, no address is kept"),
            kept=_("One day after the last failure"),
            exported="no",
            erased="schema",
            called=_("Failed attempts to sign in"),
            about="nobody",
            person="unknown",
        ),
    )
