"""The first page: what there is, what happened lately, and what a new workspace may begin with."""

from datetime import date

from django.db.models import Count
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import formats, timezone

from shared_apps.accounts.access import person_of, signed_in
from shared_apps.accounts.models import User
from shared_apps.history import reading
from shared_apps.kit import paging
from tenant_apps.contacts.models import Contact, Relation
from tenant_apps.history.views import visible_modules

MONTHS = 12
ACTIONS = 6


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    may_see_contacts, today = person.may("contacts.view"), timezone.localdate()
    counts = _counts() if may_see_contacts else {}
    context = {
        "counts": counts,
        "months": _months(today) if counts.get("all") else [],
        "is_new": not counts.get("all"),
        "is_alone": User.objects.active().count() == 1,
        "may_invite": person.may("team.manage"),
        "may_import": person.may("contacts.import"),
        "lately": reading.page(reading.Filters(modules=visible_modules(person)), size=ACTIONS)
        if person.may("history.view")
        else None,
    }
    return render(request, "home/home.html", context)


def _counts() -> dict[str, int | str]:
    """Active contacts; "5000+" where nobody would want to know it by one, so that the page doesn't grow with the table."""
    active = Contact.objects.active()
    rows = {"all": active, **{f"{one}s": active.related_as(one) for one in Relation.values}}
    found = {name: paging.counted(asked) for name, asked in rows.items()}
    return {name: n if n <= paging.MOST else f"{paging.MOST}+" for name, n in found.items()}


def _months(today: date) -> list[tuple[str, int]]:
    """(month, contacts that came in it), for the last twelve months, this one included.

    Of very many contacts the newest alone are counted: months that they don't fill are left out. A key tells when its
    row was made, so the newest stand at the end of the table's own index.
    """
    first = _back(today.replace(day=1), MONTHS - 1)
    came = Contact.objects.filter(created_at__date__gte=first)
    ends = Contact.objects.order_by("-id").values_list("id", "created_at")[paging.MOST : paging.MOST + 1]
    if end := next(iter(ends), None):
        came = came.filter(id__gt=end[0])
        first = max(first, _back(timezone.localdate(end[1]).replace(day=1), -1))
    counted = came.annotate(month=TruncMonth("created_at")).values_list("month").annotate(n=Count("pk"))
    known = {month.date(): n for month, n in counted}
    months = [_back(today.replace(day=1), back) for back in range(MONTHS - 1, -1, -1)]
    return [(formats.date_format(month, "N"), known.get(month, 0)) for month in months if month >= first]


def _back(first: date, months: int) -> date:
    """The first day of the month that many months earlier."""
    index = first.year * 12 + first.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)
