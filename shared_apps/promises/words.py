"""How the standing of a promise is said and drawn: never by a colour alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.promises.catalogue import STANDINGS, Standing
from shared_apps.promises.document import Shown


@dataclass(frozen=True, slots=True)
class Words:
    label: Any
    icon: str
    badge: str  # a kind of components/badge.html
    meaning: Any


STANDING_WORDS: Mapping[Standing, Words] = {
    "kept": Words(
        pgettext_lazy("a promise", "kept"),
        "check-circle",
        "positive",
        _("Every look of the last day found it kept."),
    ),
    "broken": Words(
        pgettext_lazy("a promise", "broken"), "x-circle", "danger", _("A look has found that it is not kept.")
    ),
    "stale": Words(
        pgettext_lazy("a promise", "out of date"),
        "exclamation-triangle",
        "danger",
        _("The last look is older than a day, so it proves nothing."),
    ),
    "unproven": Words(
        pgettext_lazy("a promise", "not proven"),
        "question-mark-circle",
        "",
        _("Nobody has looked yet, or there was not enough to see."),
    ),
    "later": Words(
        pgettext_lazy("a promise", "not proven yet"),
        "clock",
        "",
        _("Something has yet to arrive before all of it can be proven."),
    ),
    "tested": Words(
        pgettext_lazy("a promise", "by tests alone"),
        "beaker",
        "",
        _("No look at the running system can show it; the test suite does, with each release."),
    ),
}
ARRIVES: Mapping[str, Any] = {
    "backups": _("Not yet proven: arrives with backups."),
}
RESULT_WORDS: Mapping[str, Words] = {
    "kept": Words(pgettext_lazy("a promise", "kept"), "check-circle", "positive", ""),
    "broken": Words(pgettext_lazy("a promise", "broken"), "x-circle", "danger", ""),
    "unknown": Words(_("could not look"), "question-mark-circle", "", ""),
}


def counted(every: Iterable[Shown]) -> list[dict[str, Any]]:
    """How many promises stand where: kept first, then the worst."""
    found = Counter(one.standing for one in every)
    order: tuple[Standing, ...] = ("kept", *(each for each in STANDINGS if each != "kept"))
    return [
        {"standing": each, "words": STANDING_WORDS[each], "number": found[each]}
        for each in order
        if found[each] or each in ("kept", "broken")
    ]


def as_row(one: Shown) -> dict[str, Any]:
    """A promise with its words, for a page."""
    checks = [
        {**each, "word": RESULT_WORDS[_result(each["last"])] if each["last"] else None} for each in one.checks
    ]
    arrives = ARRIVES.get(one.facts["arrives_with"], "")
    return {
        **one.facts,
        "arrives": arrives,
        "checks": checks,
        "standing": one.standing,
        "word": STANDING_WORDS[one.standing],
    }


def _result(last: Any) -> str:
    """Of a Proof, or of what the document says of one."""
    return str(last["result"] if isinstance(last, dict) else last.result)
