"""Looking by the schedule, and when an operator asks: results are kept, published, and told of when one is bad."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from shared_apps.jobs import job
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import report
from shared_apps.kit import scope
from shared_apps.promises import checking, document, mails
from shared_apps.promises.checks.pages import OUT_OF_REACH
from shared_apps.promises.models import Proof

UNDER_WAY = (Job.State.WAITING, Job.State.RUNNING)
AGAIN_AFTER = timedelta(minutes=2)


@job(purpose="promises.prove", saga=True, retries=0)
def prove() -> None:
    """Timed: every check, every few hours."""
    round_of_looks(timezone.now())


@job(purpose="promises.prove", saga=True, retries=0)
def prove_now() -> None:
    """Asked for by an operator."""
    round_of_looks(timezone.now())


def round_of_looks(now: datetime) -> list[Proof]:
    """Look at everything, keep and publish what was seen, and mail operators once a day while something is broken."""
    found = checking.prove(now, progress=lambda percent, _title: report(percent))
    keep(found, now=now)
    broken = sorted({one.promise for one in found if one.result == Proof.Result.BROKEN})
    if broken:
        with scope.shared(actor=checking.LOOKER):
            mails.alarm(broken, day=timezone.localdate(now))
    if any(one.seen == OUT_OF_REACH for one in found):
        _look_again(now)
    return found


def _look_again(now: datetime) -> None:
    """When the web process was still starting, its pages need not stay unproven until the next round."""
    with scope.shared(actor=checking.LOOKER):
        prove_now.later(key=f"out of reach {now:%Y-%m-%d %H}", at=now + AGAIN_AFTER)


def keep(found: Sequence[Proof], *, now: datetime) -> None:
    """Store the results, drop those that are too old, and publish."""
    with scope.shared(actor=checking.LOOKER):
        Proof.objects.bulk_create(found)
        Proof.tidy(now)
        document.publish(now)


def ask(now: datetime) -> Job:
    """A round that a worker begins at once; the one that waits or runs already, if any. In the shared scope."""
    return under_way(now) or prove_now.later()


def under_way(now: datetime) -> Job | None:
    """The round that is due or runs. In the shared scope."""
    names = (prove.name, prove_now.name)
    return (
        Job.objects.filter(name__in=names, state__in=UNDER_WAY, run_after__lte=now)
        .order_by("-run_after")
        .first()
    )
