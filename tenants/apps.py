from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps import jobs, mail
from shared_apps.kit.module import ADMIN, MEMBER, OWNER, Holding, Menu, Module, Purpose, join


class TenantsConfig(Module):
    name = "tenants"
    label = "tenants"

    purposes = {
        "tenants.saga": _("To carry out, step by step, what you or an operator asked for"),
        "tenants.pool": _("To keep workspaces ready for new clients, so that nobody waits"),
        "tenants.fleet": _("To bring the tables of your workspace to a new release"),
        "tenants.export": Purpose(_("To tell you that a copy of your data is ready"), mail="service"),
        "tenants.restored": Purpose(
            _("To let the owners enter a workspace that was restored"), mail="service"
        ),
        "tenants.replay": Purpose(
            _("To tell operators of a workspace that an older database or copy left with trouble"),
            mail="service",
        ),
        "tenants.erasure": Purpose(
            _("To tell every owner that the workspace is closed and will be erased"), mail="service"
        ),
        "tenants.erasure_stopped": Purpose(
            _("To tell every owner that the erasure was stopped and the workspace is open"), mail="service"
        ),
        "tenants.leaving": Purpose(
            _("To tell you which days your notice fixes, what changes them, and that they come"),
            mail="service",
        ),
        "tenants.contact": Purpose(
            _("To mail you another link to your contact details"), mail="transactional"
        ),
        "tenants.certificate": Purpose(_("To give you the proof that your data was erased"), mail="service"),
        "sign_up.confirm": Purpose(
            _("To confirm by e-mail that you want to open a workspace"), mail="transactional"
        ),
        "sign_up.ready": Purpose(
            _("To tell you that your workspace is ready, and its address"), mail="transactional"
        ),
        "sign_up.expire": _("To forget sign-ups that nobody confirmed"),
        "sign_up.find": Purpose(_("To mail you the addresses of your workspaces"), mail="transactional"),
    }
    rights = {
        "workspace.view": MEMBER,
        "workspace.accept": OWNER,
        "workspace.export": OWNER,
        "workspace.leave": OWNER,
        "workspace.erase": OWNER,
        "workspace.erase_person": OWNER,
        "workspace.holdings": ADMIN,
        "workspace.correct": OWNER,
    }
    menu = Menu(
        _("Workspace"), "workspace:home", icon="archive-box", order=90, right="workspace.view",
        short=pgettext_lazy("menu", "Workspace"),
    )  # fmt: skip
    holdings = (
        Holding(
            "tenants.Tenant",
            plain=("schema_name", "release", "fingerprint"),
            whose="client",
            category="contact",
            why=_("To know your workspace, its state and release"),
            kept=_("As long as your data"),
            exported="shared",
            erased="rows",
            called=_("Your workspace and its state"),
            about="pk",
        ),
        Holding(
            "tenants.Domain",
            whose="client",
            category="contact",
            why=_("To find your workspace by its address"),
            kept=_("As long as your data; a keyed hash stays so that nobody else gets the name"),
            exported="shared",
            erased="rows",
            called=_("The address of your workspace"),
            about="tenant",
        ),
        Holding(
            "tenants.RetiredName",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("So that a freed address is never given again"),
            kept=_("For ever, as a keyed hash that names nobody"),
            exported="no",
            erased="kept",
            called=_("Addresses that are never given again"),
        ),
        Holding(
            "tenants.SignUp",
            neutral="emptied",
            whose="client",
            category="contact",
            why=_("To open the workspace that you asked for"),
            kept=_("24 hours when it is not confirmed; otherwise until the workspace is ready"),
            exported="shared",
            erased="rows",
            personal=("name", "email"),
            called=_("Your sign-up"),
            about="name:subdomain",
        ),
        Holding(
            "tenants.WorkspaceSearch",
            neutral="emptied",
            whose="user",
            category="contact",
            why=_("To mail you the addresses of your workspaces"),
            kept=_("Until the mail is written, a moment later"),
            exported="no",
            erased="rows",
            personal=("email",),
            called=_("Searches for one’s workspaces"),
            about="nobody",
            person="email",
        ),
        Holding(
            "tenants.Saga",
            neutral="emptied",
            whose="client",
            category="technical",
            why=_("So that long work survives a crash"),
            kept=_("As long as your data"),
            exported="no",
            erased="rows",
            called=_("Long work, step by step"),
            about="subject",
        ),
        Holding(
            "tenants.Export",
            neutral="emptied",
            whose="client",
            category="technical",
            why=_("To give you a copy of your data, once"),
            kept=_("The copy for seven days, the record as long as your data"),
            exported="shared",
            erased="rows",
            called=_("Copies of your data"),
            about="tenant_uuid",
        ),
        Holding(
            "files:exports",
            whose="client",
            category="data",
            why=_("To give you a copy of your data, once"),
            kept=_("The copy for seven days, the record as long as your data"),
            exported="no",
            erased="files",
            called=_("Copies of your data, as files"),
        ),
        Holding(
            "tenants.Erasure",
            neutral="emptied",
            whose="client",
            category="legal",
            why=_("To prove that your data was erased"),
            kept=_(
                "The certificate until your contact details are erased, then in the erasure ledger alone; "
                "the dates, which name nobody, stay"
            ),
            exported="no",
            erased="rows",
            personal=("requested_by",),
            called=_("Erasures"),
            about="client_uuid",
        ),
        Holding(
            "tenants.LedgerHead",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_(
                "So that a database from a backup is not opened before everybody who was erased is erased in it too"
            ),
            kept=_("For ever; it counts erasures and names nobody"),
            exported="no",
            erased="kept",
            called=_("The head of the erasure ledger"),
        ),
        Holding(
            "tenants.Deployment",
            neutral="kept",
            whose="smoall",
            category="technical",
            why=_("So that a copy of the database opens nowhere else before it was neutralised"),
            kept=_("As long as the database; it is a keyed hash that names nobody"),
            exported="no",
            erased="kept",
            called=_("The deployment that the database belongs to"),
        ),
        Holding(
            "tenants.Departure",
            neutral="emptied",
            whose="client",
            category="legal",
            why=_(
                "To keep your data and your contact details for as long as you were promised, and no longer"
            ),
            kept=_("For ever: dates and numbers that name nobody once your contact details are erased"),
            exported="shared",
            erased="rows",
            personal=("noticed_by",),
            called=_("Notices"),
            about="client_uuid",
        ),
        Holding(
            "tenants.Instruction",
            neutral="emptied",
            whose="client",
            category="legal",
            why=_("To do with your data what you said"),
            kept=_("For ever: dates and numbers that name nobody once your contact details are erased"),
            exported="shared",
            erased="rows",
            personal=("given_by",),
            called=_("What you said about leaving"),
            about="departure__client_uuid",
        ),
        Holding(
            "files:departures",
            whose="client",
            category="contact",
            why=_("What you wrote to us about leaving, when an operator did it for you"),
            kept=_("As long as your contact details"),
            exported="no",
            erased="files",
            called=_("What you wrote about leaving"),
            about="folder",
        ),
        Holding(
            "tenants.Snapshot",
            neutral="kept",
            whose="smoall",
            category="technical",
            why=_("The shape of a workspace’s tables"),
            kept=_("As long as a workspace may need it"),
            exported="no",
            erased="public",
            called=_("Shapes of workspaces"),
        ),
        Holding(
            "tenants.PoolSchema",
            neutral="kept",
            whose="smoall",
            category="technical",
            why=_("To keep workspaces ready for new clients, so that nobody waits"),
            kept=_("Until a client gets it: empty tables that are nobody’s"),
            exported="no",
            erased="public",
            called=_("Workspaces that wait for a client"),
        ),
        Holding(
            "tenants.FleetEntry",
            neutral="emptied",
            whose="client",
            category="technical",
            why=_(
                "To know which release the tables of your workspace are of, and that each change to them ended well"
            ),
            kept=_("As long as your data"),
            exported="no",
            erased="rows",
            called=_("Changes of release of your workspace"),
            about="tenant",
        ),
        Holding(
            "tenants.Drift",
            neutral="emptied",
            whose="client",
            category="technical",
            why=_("To find tables that are not as their release made them"),
            kept=_("Until the next look, a day at most"),
            exported="no",
            erased="rows",
            called=_("Differences in the tables of your workspace"),
            about="tenant",
        ),
    )

    def ready(self) -> None:
        from shared_apps.accounts import entering
        from tenants import (  # noqa: F401  (their sagas are known from the start)
            contenttypes,
            contract,
            erasure,
            export,
            forgetting,
            persons,
            publishing,
            replay,
            restore,
            sign_up,
        )
        from tenants.schemas import (  # noqa: F401  (their sagas are known from the start)
            pool,
            releases,
            waves,
        )

        contenttypes.keep_apart()
        join(jobs.gates, replay.may_work)
        join(mail.watchers, publishing.note)
        join(entering.sources, contract.condition)
        join(jobs.fits, releases.serves)
