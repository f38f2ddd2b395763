"""The public website: pages and files that read no row, so they run in no scope at all.

The language is the only thing a visit can leave behind, in a cookie, when somebody chooses it (P01, P09).
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import public
from shared_apps.kit.headers import COOKIES
from shared_apps.kit.places import country_name
from shared_apps.legal import documents
from shared_apps.website import site
from tenants.keys import KeyStore
from tenants.models import host_url

LANGUAGE_AGE = next(cookie.lifetime for cookie in COOKIES if cookie.name == settings.LANGUAGE_COOKIE_NAME)
SECURITY_TXT_DAYS = 300  # RFC 9116 wants less than a year


@require_safe
@public
def page(request: HttpRequest, name: str) -> HttpResponse:
    """One of the plain pages of site.PAGES."""
    return answer(request, f"website/{name}.html")


@require_safe
@public
def contact(request: HttpRequest) -> HttpResponse:
    company, *address, _country = settings.SMOALL_CONTROLLER.split(", ")
    context = {"company": company, "address": [*address, country_name("BE")]}
    return answer(request, "website/contact.html", **context)


@require_safe
@public
def cookies(request: HttpRequest) -> HttpResponse:
    """The register of kit.headers, outside which no cookie leaves (P10)."""
    return answer(request, "website/cookies.html", register=site.cookie_register())


@require_safe
@public
def legal(request: HttpRequest, kind: str, version: str = "") -> HttpResponse:
    """A legal text: the version in force, or another one; every version stays readable (P41)."""
    try:
        current = documents.current(kind, today=timezone.localdate())
        document = documents.find(kind, version) if version else current
    except documents.UnknownDocument:
        raise Http404 from None
    language = document.language(get_language() or documents.AUTHENTIC)
    context = {
        "document": document, "current": current, "versions": documents.versions(kind), "language": language,
        "text": document.text(language), "sha256": document.sha256(language), "authentic": documents.AUTHENTIC,
        "base": reverse(f"website:{kind}"),
    }  # fmt: skip
    return answer(request, "website/legal.html", **context)


@csrf_exempt  # there is no session to keep a token in, and all a foreign page could do is choose a language
@require_POST
@public
def language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in the one cookie of the website, and go back to the page."""
    code, back = request.POST.get("language", ""), request.POST.get("next", "")
    if code not in dict(settings.LANGUAGES):
        raise Http404
    is_ours = back.startswith("/") and len(back) < 500 and url_has_allowed_host_and_scheme(back, None)
    answer = HttpResponseRedirect(back if is_ours else reverse("website:home"))
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, code, max_age=LANGUAGE_AGE, samesite="Lax", httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return answer


# --- files for machines -----------------------------------------------------------------------------


@require_safe
@public
def robots(request: HttpRequest) -> HttpResponse:
    """Nothing is blocked: what must not be indexed says so itself, and a crawler has to see that (P11)."""
    return _text(f"User-agent: *\nAllow: /\n\nSitemap: {_absolute('website:sitemap')}\n")


@require_safe
@public
def sitemap(request: HttpRequest) -> HttpResponse:
    addresses = [_absolute(each.url_name) for each in site.PAGES]
    context = {"addresses": addresses}
    return render(request, "website/sitemap.xml", context, content_type="application/xml")


@require_safe
@public
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116."""
    expires = (timezone.now() + timedelta(days=SECURITY_TXT_DAYS)).strftime("%Y-%m-%dT00:00:00Z")
    lines = (
        f"Contact: mailto:{settings.SMOALL_SUPPORT}",
        f"Expires: {expires}",
        f"Preferred-Languages: {', '.join(code for code, _name in settings.LANGUAGES)}",
        f"Canonical: {_absolute('website:security-txt')}",
        f"Policy: {_absolute('website:security')}",
    )
    return _text("\n".join(lines) + "\n")


@require_safe
@public
def keys(request: HttpRequest) -> HttpResponse:
    """Every public signing key there ever was, so that certificates and archives can be verified without us."""
    return JsonResponse(KeyStore.default().public_document(), json_dumps_params={"indent": 1})


@require_safe
@public
def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(static("kit/favicon.svg"))


# --- what every page shows ----------------------------------------------------------------------------


def answer(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A page of the website, also for modules above this one. In no scope."""
    return render(request, template, {**_frame(request), **context})


def _frame(request: HttpRequest) -> dict[str, Any]:
    here = get_language()
    languages = [
        {
            "code": code,
            "label": name,
            "post": reverse("website:language"),
            "next": request.path,
            "active": code == here,
        }
        for code, name in settings.LANGUAGES
    ]
    return {
        "languages": languages,
        "site_menu": [each.entry(request.path) for each in site.PAGES if each.place == "menu"],
        "foot_menu": [each.entry(request.path) for each in site.PAGES if each.place == "foot"],
        "sign_in_url": host_url("app") + "/",
        "sign_up_url": host_url("app") + reverse("app:sign-up", urlconf="config.urls_app"),
        "support": settings.SMOALL_SUPPORT,
    }


def _absolute(name: str) -> str:
    return host_url("") + reverse(name)


def _text(content: str) -> HttpResponse:
    return HttpResponse(content, content_type="text/plain; charset=utf-8")
