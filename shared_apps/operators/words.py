"""What things of the console are called, for people: kinds of long work, badges of states."""

from typing import Any

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from shared_apps.jobs.models import Job
from shared_apps.kit.module import all_purposes, modules
from tenants.models import Saga, State

SAGAS: dict[str, Any] = {
    "provision": _("Make a workspace"),
    "open": _("Open a workspace"),
    "export": _("Copy a workspace"),
    "restore": _("Restore a workspace"),
    "erase": _("Erase a client"),
    "erase_person": _("Erase one person of a workspace"),
    "publish": _("Tell clients of a new privacy policy"),
}
ERASED = "erased"
STATES: dict[str, Any] = {**dict(State.choices), ERASED: pgettext_lazy("a client", "data erased")}
STATE_BADGES: dict[str, str] = {
    State.ACTIVE: "positive",
    State.SUSPENDED: "attention",
    State.LEAVING: "attention",
    State.ERASING: "danger",
    State.RESTORING: "accent",
}
DEPARTURE_STATES: dict[str, Any] = {
    "leaving": pgettext_lazy("a client", "leaving"),
    "erased": pgettext_lazy("a client", "data erased"),
    "late": pgettext_lazy("an erasure", "late"),
}
DEPARTURE_BADGES = {"leaving": "attention", "erased": "", "late": "danger"}
STATUS_BADGES: dict[str, str] = {
    Saga.Status.WAITING: "accent",
    Saga.Status.RUNNING: "attention",
    Saga.Status.DONE: "positive",
    Saga.Status.FAILED: "danger",
}
ASKERS: dict[str, Any] = {
    "owner": _("an owner"),
    "operator": _("an operator"),
    "contact": _("the contact person"),
    "notice": _("the notice’s day"),
}


def saga_name(kind: str) -> str:
    return str(SAGAS.get(kind, kind))


def purpose_of(job: Job) -> str:
    """The sentence with which a module declares why it works; the purpose's name when none does any more."""
    return str(all_purposes().get(job.purpose, job.purpose))


def one_line(text: str) -> str:
    """As typed, on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def page_name(page: str) -> str:
    """A kind of page in words: the module that it belongs to and what it does; "command:…" as it was typed."""
    module, _colon, verb = page.partition(":")
    if module == "command":
        return gettext("On the server: %(command)s") % {"command": verb}
    titles = {one.label: str(one.menu.label if one.menu else one.verbose_name) for one in modules()}
    return f"{titles.get(module, module)}: {verb}"
