"""The promises on ops: what each look saw, how it went before, and a round at once."""

from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import requires
from shared_apps.jobs.models import Job
from shared_apps.kit.dates import day_of
from shared_apps.kit.hosts import host_url
from shared_apps.promises import jobs
from shared_apps.promises.catalogue import BY_ID, PROMISES, Look, Promise, standing
from shared_apps.promises.checking import Check, checks_of
from shared_apps.promises.document import Shown
from shared_apps.promises.models import KEPT, Proof
from shared_apps.promises.words import RESULT_WORDS, as_row, counted

CHARTED = timedelta(days=14)
LATEST = 40  # looks of a check in its small chart


@require_safe
@requires("operators.promises")
def results(request: HttpRequest) -> HttpResponse:
    """Every promise, with the last look of each of its checks."""
    now = timezone.now()
    latest = Proof.latest()
    every = [_shown(promise, latest, now) for promise in PROMISES]
    chosen = request.GET.get("standing", "")
    context = {
        "rows": [as_row(one) for one in every if chosen in ("", one.standing)],
        "counts": counted(every),
        "progress": _progress(),
        "last": max((proof.at for proof in latest.values()), default=None),
        "website": host_url("") + reverse("promises:promises", urlconf="config.urls_website"),
        "points": _days(now),
        "series": [
            pgettext("looks", "kept"),
            pgettext("looks", "broken"),
            pgettext("looks", "could not look"),
        ],
    }
    return render(request, "promises/results.html", context)


@require_safe
@requires("operators.promises")
def promise(request: HttpRequest, id: str) -> HttpResponse:
    """One promise: its texts, and for each check what it saw, how often it was kept, and how long it takes."""
    found = BY_ID.get(id.upper())
    if found is None:
        raise Http404
    now = timezone.now()
    histories = [_history(found, each, now) for each in checks_of(found.id)]
    one = _shown(found, {(found.id, h["name"]): h["last"] for h in histories if h["last"]}, now)
    context = {
        "one": as_row(one),
        "histories": histories,
    }
    return render(request, "promises/promise.html", context)


@require_POST
@requires("operators.promises")
def prove(request: HttpRequest) -> HttpResponse:
    """Look now. Twice the same click is one round."""
    jobs.ask(timezone.now())
    return redirect("promises:results")


@require_safe
@requires("operators.promises")
def progress(request: HttpRequest) -> HttpResponse:
    """For htmx, every second; the whole page is shown anew once the round is over."""
    found = _progress()
    if found is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "kit/components/progress.html", found)


def _progress() -> dict[str, Any] | None:
    job = jobs.under_way(timezone.now())
    if job is None:
        return None
    return {
        "label": _("Looking at every promise"),
        "percent": job.progress,
        "step": _("Waiting for its turn")
        if job.state == Job.State.WAITING
        else _("Pages, tables, logs, keys and ledgers are looked at."),
        "url": reverse("promises:progress"),
        "id": "looks",
    }


def _shown(found: Promise, latest: dict[tuple[str, str], Proof], now: datetime) -> Shown:
    checks = [
        {"name": each.name, "title": each.title, "last": latest.get((found.id, each.name))}
        for each in checks_of(found.id)
    ]
    looks = {one["name"]: Look(one["last"].result, one["last"].at) if one["last"] else None for one in checks}
    facts = {
        "id": found.id,
        "section": found.section,
        "sentence": found.sentence,
        "kept_by": found.kept_by,
        "not_proven": found.not_proven,
        "arrives_with": found.arrives_with,
        "untested": found.untested,
    }
    return Shown(facts, checks, standing(found, looks, now))


def _history(found: Promise, check: Check, now: datetime) -> dict[str, Any]:
    proofs = list(Proof.objects.filter(promise=found.id, check_name=check.name, at__gt=now - KEPT)[:LATEST])
    before = proofs[::-1]
    return {
        "name": check.name,
        "title": check.title,
        "last": proofs[0] if proofs else None,
        "word": RESULT_WORDS[proofs[0].result] if proofs else None,
        "looks": [
            (
                one.result,
                f"{date_format(timezone.localtime(one.at), 'SHORT_DATETIME_FORMAT')}: {RESULT_WORDS[one.result].label}",
            )
            for one in before
        ],
        "seconds": [round(one.milliseconds / 1000, 3) for one in before],
        "kept": sum(one.result == Proof.Result.KEPT for one in proofs),
        "all": len(proofs),
    }


def _days(now: datetime) -> list[tuple[str, list[int]]]:
    """For a chart: looks of each of the last days, by result."""
    first = day_of(now - CHARTED)
    by_day = {first + timedelta(days=number): [0, 0, 0] for number in range(CHARTED.days + 1)}
    order = {Proof.Result.KEPT: 0, Proof.Result.BROKEN: 1, Proof.Result.UNKNOWN: 2}
    for proof in Proof.since(now - CHARTED):
        by_day[day_of(proof.at)][order[Proof.Result(proof.result)]] += 1
    return [(date_format(day, "j/n"), counts) for day, counts in by_day.items()]
