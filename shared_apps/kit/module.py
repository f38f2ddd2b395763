"""What a module declares about itself in its apps.py: menu entry, rights, holdings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any, Literal, TypeVar

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models import Model

Member = TypeVar("Member")


class Role(IntEnum):
    """Roles of a workspace, each with the rights of those below it."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


MEMBER, ADMIN, OWNER = Role.MEMBER, Role.ADMIN, Role.OWNER


@dataclass(frozen=True, slots=True)
class Menu:
    label: Any  # lazily translated
    url: str  # a URL name
    icon: str  # a heroicon's name
    order: int = 50
    right: str = ""  # the right that opens it; empty: everybody signed in
    short: Any = ""  # lazily translated: what a phone's bar says, where the label is too long for it
    searches: bool = False  # its list takes ?q=: the first such entry answers the search of Ctrl-K


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that Smoall holds (I10). Export, erasure, certificate and the privacy pages are made from these."""

    what: str  # "app.Model", "files:<prefix>" or "queue:<name>"
    whose: Literal["client", "user", "smoall", "partner"]
    category: Literal["data", "contact", "billing", "legal", "technical"]
    why: Any  # lazily translated: the purpose
    kept: Any  # lazily translated: how long
    exported: Literal["rows", "files", "shared", "no"]  # how a client takes it out
    erased: Literal[
        "schema", "rows", "files", "queue", "kept", "public"
    ]  # how erasure reaches it; "kept": the law
    personal: tuple[str, ...] = ()  # fields that name a person
    # Of a shared row that outlives the workspace: fields that name its people, emptied when its data goes.
    of_workspace: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()  # columns that leave neither with an export nor otherwise
    law: str = ""  # the law's article that makes Smoall keep it after an erasure: certificates say so
    law_years: int = 0  # for how long, as people say it
    # The last day, in Brussels, on which the law makes Smoall keep these rows, of which there is one at least: that of
    # the youngest. What deletes them when it is over goes by the same day. In the shared scope.
    law_until: Callable[[Any], date] | None = None
    called: Any = ""  # lazily translated: what people call it, where the table's own name isn't for them
    # How the shared schema's rows about one client are found there (tenants/holdings.py reads it):
    # "field" holds the UUID of the client or of its workspace; "name:field" the workspace's name; "rows:field" the key
    # of any row about it; "nobody": no row there is about a client. Of "files:…": "" for the workspace's own folder,
    # "folder" for one that is named by the client, "app.Model" for a file of each row of that table.
    about: str = ""
    # How one person's rows are found (accounts/mine.py): "field" holds the person's key or address, "print:field" the
    # keyed hash of the address, "unknown": nothing in the row tells whose it is.
    person: str = ""
    # Of a table of people: fields whose values name them elsewhere too. The model has a verb `forget` then.
    identifies: tuple[str, ...] = ()
    # What a copy for development keeps of it (tenants/neutral.py): every text made up, no row, or all as it is.
    neutral: Literal["masked", "emptied", "kept"] = "masked"
    plain: tuple[str, ...] = ()  # of a masked table: texts that software alone writes, kept as they are

    def __post_init__(self) -> None:
        if bool(self.law) != (self.law_until is not None):
            raise ValueError(
                f"{self.what}: what a law keeps says until when (law_until=…), and nothing else does"
            )


MailClass = Literal["transactional", "service", "information", "policy"]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What jobs and mails are for, in a sentence for people. One that sends mails says of which class they are:

    transactional  the person asked for this very mail: a reset, a confirmation
    service        about the running contract: a notice, an erasure, a copy that is ready
    information    general information and direct mail: whoever refuses it gets none
    policy         a change in how contact details are used, with the way to opt out of it
    """

    why: Any  # lazily translated
    mail: MailClass | Literal[""] = ""


class Module(AppConfig):
    menu: Menu | None = None
    console: Sequence[Menu] = ()  # entries on app. and ops., where one module has several pages
    rights: Mapping[str, Role] = {}
    purposes: Mapping[str, Any] = {}  # "module.verb": a Purpose, or its sentence where no mail is sent (P17)
    holdings: Sequence[Holding] = ()


def modules() -> Iterator[Module]:
    return (config for config in apps.get_app_configs() if isinstance(config, Module))


def all_rights() -> dict[str, Role]:
    return {right: role for module in modules() for right, role in module.rights.items()}


def all_holdings() -> tuple[Holding, ...]:
    return tuple(holding for module in modules() for holding in module.holdings)


def stands_in(model: type[Model], *, tenant: bool) -> bool:
    """Whether the model's table stands in a workspace's schema, or else in the shared one; it may stand in both."""
    listed = settings.TENANT_APPS if tenant else settings.SHARED_APPS
    config = apps.get_app_config(model._meta.app_label)
    return config.name in {entry.rsplit(".apps.", 1)[0] for entry in listed}


class UnknownPurpose(ValueError):
    """Something was to be processed or sent for a purpose that no module declares (P17)."""


class NoMailClass(UnknownPurpose):
    """A mail for a purpose that declares no class: nobody could say whether it may be refused."""


def all_purposes() -> dict[str, Any]:
    """{purpose: its sentence}."""
    return {name: _as_purpose(said).why for module in modules() for name, said in module.purposes.items()}


def known_purpose(purpose: str) -> str:
    """The purpose itself. Raises UnknownPurpose when no module's `purposes` names it."""
    _declared(purpose)
    return purpose


def mail_class(purpose: str) -> MailClass:
    """The class of a purpose's mails. Raises UnknownPurpose, NoMailClass."""
    found = _declared(purpose).mail
    if not found:
        raise NoMailClass(
            f'{purpose!r} sends mails: declare it as Purpose(_("…"), mail="service"), or of which class they are'
        )
    return found


def _declared(purpose: str) -> Purpose:
    for module in modules():
        if purpose in module.purposes:
            return _as_purpose(module.purposes[purpose])
    raise UnknownPurpose(f"no module declares the purpose {purpose!r}: add it to `purposes` in its apps.py")


def _as_purpose(said: Any) -> Purpose:
    return said if isinstance(said, Purpose) else Purpose(said)


def join(members: list[Member], *new: Member) -> None:
    """Add to a list that modules fill from their `ready`: once, however often the apps are loaded."""
    members += [one for one in new if one not in members]
