"""The people of a workspace: who they are, what they may, and the end of their sessions (P23)."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import mails
from shared_apps.accounts import sessions as store
from shared_apps.accounts.access import person_of, requires, rights_of
from shared_apps.accounts.models import CannotChange, User, has_second_factor
from shared_apps.accounts.views import end_session
from shared_apps.kit.module import Role, all_rights, modules
from shared_apps.kit.refusals import said_on
from tenant_apps.team.forms import InviteForm, RoleForm

SIGN_INS = 20

says_refusals = said_on("team:person", CannotChange, "id")


@require_safe
@requires("team.view")
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, with role, state and last sign-in; those who may no longer enter at the end."""
    dated = User.objects.annotate(last_sign_in=Max("sign_ins__signed_in_at"))
    everybody = list(dated.order_by("name_folded", "id"))  # grouping drops the model's own order
    everybody.sort(key=lambda person: not person.is_active)
    context = {"people": everybody, "can_manage": person_of(request).may("team.manage")}
    return render(request, "team/list.html", context)


@requires("team.manage")
def invite(request: HttpRequest) -> HttpResponse:
    """Somebody new gets a mail with a link; until it is used there is no password."""
    by = person_of(request)
    form = InviteForm(request.POST or None, by=by, initial={"language": get_language()})
    if form.is_valid():
        try:
            invited = User.invite(**form.cleaned_data, by=by, now=timezone.now())
        except CannotChange as error:
            form.add_error("email", str(error))
        else:
            mails.invitation(invited, request=request, by=by)
            messages.success(request, _("%(name)s is invited by mail.") % {"name": invited.name})
            return redirect("team:list")
    return render(request, "team/invite.html", {"form": form})


@require_safe
@requires("team.view")
def person(request: HttpRequest, id: UUID) -> HttpResponse:
    """One person: facts, what they may do, open sessions, last sign-ins."""
    shown, by = get_object_or_404(User, id=id), person_of(request)
    can_manage = by.may("team.manage") and (by.role >= Role.OWNER or shown.role < Role.OWNER)
    can_see_sessions = can_manage or shown.id == by.id
    sign_ins = shown.sign_ins.all() if can_see_sessions else shown.sign_ins.none()
    context = {
        "shown": shown,
        "can_manage": can_manage,
        "can_see_sessions": can_see_sessions,
        "has_second": has_second_factor(shown),
        "may_reset": by.role >= Role.OWNER and shown.id != by.id,
        "form": RoleForm(by=by, initial={"role": shown.role}),
        "rights": rights_by_module(shown, request),
        "open": [(row, reverse("team:revoke", args=[id, row.id])) for row in sign_ins.open()],
        "ledger": sign_ins[:SIGN_INS],
        "here": store.store_of(request).hash,
    }
    return render(request, "team/person.html", context)


def rights_by_module(shown: User, request: HttpRequest) -> list[tuple[str, list[tuple[str, bool]]]]:
    """What addresses of this host ask for: [(module, [(right in words, whether the person has it)])]."""
    asked = rights_of(request.urlconf or "") & set(all_rights())
    found = []
    for module in modules():
        rights = [right for right in module.rights if right in asked]
        if rights:
            title = str(module.menu.label if module.menu else module.verbose_name)
            found.append((title, [(verb_text(right), shown.may(right)) for right in rights]))
    return found


def verb_text(right: str) -> str:
    """The verb of a right in words; the right itself when a module has a verb of its own."""
    verbs = {
        "view": _("see"),
        "edit": _("create and change"),
        "delete": _("delete"),
        "manage": _("manage"),
        "import": _("import"),
        "export": _("export"),
        "erase": _("have erased"),
        "link": _("link and unlink"),
    }
    return verbs.get(right.rpartition(".")[2], right)


@require_POST
@requires("team.manage")
@says_refusals
def change_role(request: HttpRequest, id: UUID) -> HttpResponse:
    """Counts on that person's very next request."""
    shown, by = get_object_or_404(User, id=id), person_of(request)
    form = RoleForm(request.POST, by=by)
    if not form.is_valid():
        raise CannotChange(_("Only an owner can do this to an owner, or name one."))
    shown.change_role(form.cleaned_data["role"], by=by)
    role = shown.get_role_display()
    messages.success(request, _("%(name)s is now: %(role)s.") % {"name": shown.name, "role": role})
    return redirect("team:person", id=id)


@require_POST
@requires("team.manage", when_suspended=True)
@says_refusals
def deactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    """No longer enters; every session ends; what the person did stays."""
    shown = get_object_or_404(User, id=id)
    shown.deactivate(by=person_of(request), now=timezone.now())
    messages.success(request, _("%(name)s can no longer enter.") % {"name": shown.name})
    return redirect("team:person", id=id)


@require_POST
@requires("team.manage")
@says_refusals
def reactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    """May enter again, with the password and role of before."""
    shown = get_object_or_404(User, id=id)
    shown.reactivate(by=person_of(request), now=timezone.now())
    messages.success(request, _("%(name)s can enter again.") % {"name": shown.name})
    return redirect("team:person", id=id)


@require_POST
@requires("team.manage", when_suspended=True)
@says_refusals
def reset_factors(request: HttpRequest, id: UUID) -> HttpResponse:
    """For somebody who lost app, passkey and codes: an owner who knows that it is them lets them begin anew."""
    shown, now = get_object_or_404(User, id=id), timezone.now()
    shown.reset_factors(by=person_of(request), now=now)
    mails.factor_changed(shown, request=request, at=now)
    messages.success(request, _("%(name)s signs in with the password alone now.") % {"name": shown.name})
    return redirect("team:person", id=id)


@require_POST
@requires("team.manage")
@says_refusals
def resend(request: HttpRequest, id: UUID) -> HttpResponse:
    """A new invitation; the link of the one before no longer works."""
    shown, by = get_object_or_404(User, id=id), person_of(request)
    shown.renew_invitation(by=by, now=timezone.now())
    mails.invitation(shown, request=request, by=by)
    messages.success(request, _("%(name)s is invited by mail.") % {"name": shown.name})
    return redirect("team:person", id=id)


@require_POST
@requires("team.manage")
@says_refusals
def withdraw(request: HttpRequest, id: UUID) -> HttpResponse:
    """The invitation opens nothing any more and the person leaves the list."""
    shown = get_object_or_404(User, id=id)
    shown.withdraw_invitation(by=person_of(request))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("team:list")


@require_POST
@requires("team.manage", when_suspended=True)
@says_refusals
def revoke(request: HttpRequest, id: UUID, sign_in: UUID) -> HttpResponse:
    """End one session of a person: refused on its very next request."""
    found = get_object_or_404(get_object_or_404(User, id=id).sign_ins.select_related("user"), id=sign_in)
    return end_session(request, found) or redirect("team:person", id=id)
