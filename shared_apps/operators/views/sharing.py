"""Partners and their policies, and what the guard of outgoing connections has refused."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Max, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.history import reading
from shared_apps.kit.paging import page_of
from shared_apps.kit.places import country_name
from shared_apps.operators.forms_sharing import PartnerForm, VerifyForm
from shared_apps.sharing.models import CATEGORIES, CannotShare, Disclosure, Partner, Refusal

STATES: dict[str, tuple[Any, str]] = {
    "open": (pgettext_lazy("a partner", "verified"), "positive"),
    "unverified": (pgettext_lazy("a partner", "not verified"), "attention"),
    "expired": (pgettext_lazy("a partner's policy", "expired"), "danger"),
    "ended": (pgettext_lazy("a partner", "ended"), ""),
}
SHOWN = 10  # changes in the drawer
TABS = (
    (gettext_lazy("Partners"), "operators:partners"),
    (gettext_lazy("Orders"), "operators:orders"),
    (gettext_lazy("Refused destinations"), "operators:refused"),
)


def tabs(active: str) -> list[dict[str, Any]]:
    return [{"label": label, "url": reverse(name), "active": name == active} for label, name in TABS]


def _partner(id: UUID) -> Partner:
    found = Partner.objects.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


def _state_of(partner: Partner) -> dict[str, Any]:
    """`state` in words, `badge`, `is_open` and the words of the categories."""
    name = partner.state(timezone.localdate())
    label, badge = STATES[name]
    return {
        "partner": partner,
        "state": label,
        "badge": badge,
        "is_ended": name == "ended",
        "categories": [CATEGORIES.get(code, code) for code in partner.categories],
    }


@require_safe
@requires("operators.view")
def partners(request: HttpRequest) -> HttpResponse:
    """Everybody who may get something, and those who no longer may."""
    found = Partner.objects.with_policy().order_by("ended_at", "name_folded", "id")
    page = page_of(found, request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_state_of(one) for one in page.object_list],
        "tabs": tabs("operators:partners"),
    }
    return render(request, "operators/sharing/partners.html", context)


@requires("operators.partners")
def create_partner(request: HttpRequest) -> HttpResponse:
    form = PartnerForm(request.POST or None)
    if form.is_valid():
        made = form.save()
        messages.success(
            request,
            _("%(name)s is a partner. Nothing goes there until its policy was read.") % {"name": made.name},
        )
        return redirect("operators:verify-partner", id=made.pk)
    return render(request, "operators/sharing/create_partner.html", {"form": form})


@require_safe
@requires("operators.view")
def partner(request: HttpRequest, id: UUID) -> HttpResponse:
    """One partner: what it may get, which texts were read by whom, how much went there."""
    found = _partner(id)
    made = Disclosure.objects.filter(verification__partner=found)
    context = {
        **_state_of(found),
        "country": country_name(found.country),
        "purposes": [(code, name, found.purposes.get(code, "")) for code, name in settings.WEBSITE_LANGUAGES],
        "readings": found.verifications.select_related("verified_by"),
        "disclosed": made.count(),
        "history": reading.of_record(found, size=SHOWN),
        "last": made.aggregate(at=Max("at"))["at"],
    }
    return render(request, "operators/sharing/partner.html", context)


@requires("operators.partners")
def verify_partner(request: HttpRequest, id: UUID) -> HttpResponse:
    """Somebody has read the partner's policy: its address, its text, and until when that counts."""
    found = _partner(id)
    form = VerifyForm(request.POST or None, request.FILES or None, partner=found)
    if form.is_valid():
        typed = form.cleaned_data
        try:
            with transaction.atomic():
                found.describe(form.purposes())
                found.verify(
                    policy_url=typed["policy_url"],
                    text=typed["text"],
                    valid_until=typed["valid_until"],
                    by=person_of(request),
                    now=timezone.now(),
                )
        except CannotShare as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The policy of %(name)s is verified.") % {"name": found.name})
            return redirect("operators:partner", id=id)
    return render(request, "operators/sharing/verify_partner.html", {"form": form, "partner": found})


@require_POST
@requires("operators.partners")
def end_partner(request: HttpRequest, id: UUID) -> HttpResponse:
    found = _partner(id)
    found.end(now=timezone.now())
    messages.success(request, _("Nothing goes to %(name)s any more.") % {"name": found.name})
    return redirect("operators:partner", id=id)


@require_safe
@requires("operators.view")
def refused(request: HttpRequest) -> HttpResponse:
    """Hosts that some program wanted to connect to; none is the right number."""
    found = Refusal.objects.order_by("-on", "-count", "host")
    context = {
        "page": page_of(found, request.GET.get("page")),
        "total": found.aggregate(total=Sum("count"))["total"] or 0,
        "tabs": tabs("operators:refused"),
    }
    return render(request, "operators/sharing/refused.html", context)
