"""The public website: pages and files that read no row, so they run in no scope at all.

Two open the shared door themselves: the list of sub-processors, and the legal texts once there is a second version of one.

The language is the only thing a visit can leave behind, in a cookie, when somebody chooses it (P01, P09).
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import public
from shared_apps.kit import cookies as kit_cookies
from shared_apps.kit import languages, scope
from shared_apps.kit import prices as kit_prices
from shared_apps.kit.hosts import host_url
from shared_apps.kit.places import country_name
from shared_apps.legal import differences, documents
from shared_apps.sharing import listing
from shared_apps.sharing.models import Partner
from shared_apps.website import site
from tenants.keys import KeyStore

SECURITY_TXT_DAYS = 330  # from the release on: RFC 9116 wants less than a year, and somebody to look again


@require_safe
@public
def page(request: HttpRequest, name: str, language: str = "") -> HttpResponse:
    """One of the plain pages of site.PAGES."""
    return answer(request, f"website/{name}.html", language)


@require_safe
@public
def prices(request: HttpRequest, language: str = "") -> HttpResponse:
    """The plans that `billing` offers; how it will be counted as long as there are none."""
    context = {"prices": kit_prices.listed(), "trial_days": kit_prices.TRIAL_DAYS}
    return answer(request, "website/prices.html", language, **context)


@require_safe
@public
def contact(request: HttpRequest, language: str = "") -> HttpResponse:
    company, *address, _country = settings.SMOALL_CONTROLLER.split(", ")
    context = {"company": company, "address": [*address, country_name("BE")]}
    return answer(request, "website/contact.html", language, **context)


@require_safe
@public
def cookies(request: HttpRequest, language: str = "") -> HttpResponse:
    """The register outside which no cookie leaves, and its versions (P08, P10)."""
    context = {"register": site.cookie_register(), "versions": reversed(kit_cookies.VERSIONS)}
    return answer(request, "website/cookies.html", language, **context)


@require_safe
@public
def legal(request: HttpRequest, kind: str, version: str = "", language: str = "") -> HttpResponse:
    """A legal text: the version in force, or another one that was published; each stays readable (P41)."""
    edition, today = _edition(kind, version), timezone.localdate()
    document = edition.document
    shown, before = _spoken(document), documents.before(document)
    context = {
        "document": document, "in_force_on": edition.in_force_on, "text_language": shown,
        "text": document.text(shown), "sha256": document.sha256(shown), "authentic": documents.AUTHENTIC,
        "current": documents.current(kind, today=today), "editions": documents.editions(kind),
        "before": before if before and shown in before.digests else None,
        "base": site.address(kind, language), "is_to_come": edition.in_force_on > today,
        "sub_processors_url": site.address("sub-processors", language),
    }  # fmt: skip
    return answer(request, "website/legal.html", language, **context)


@require_safe
@public
def legal_text(request: HttpRequest, kind: str, version: str, language: str = "") -> HttpResponse:
    """The file itself, byte for byte, so that anybody can compute the digest that stands beside it."""
    document = _edition(kind, version).document
    return HttpResponse(document.content(_spoken(document)), content_type="text/plain; charset=utf-8")


@require_safe
@public
def legal_changes(request: HttpRequest, kind: str, version: str, language: str = "") -> HttpResponse:
    """What differs from the version before, word by word."""
    document = _edition(kind, version).document
    before, shown = documents.before(document), _spoken(document)
    if before is None or shown not in before.digests:
        raise Http404
    old, new = before.text(shown), document.text(shown)
    context = {
        "document": document, "before": before, "text_language": shown, "marked": differences.marked(old, new),
        "number": differences.number(old, new), "base": site.address(kind, language),
    }  # fmt: skip
    return answer(request, "website/legal_changes.html", language, **context)


@require_safe
@public
def sub_processors(request: HttpRequest, language: str = "") -> HttpResponse:
    """Who may be given what clients enter, from the register of partners as it is now. The one page that always reads rows."""
    with scope.shared():
        listed = list(Partner.objects.open(timezone.localdate()))
    context = {"partners": listing.shown(listed), "agreement": site.address("processing", language)}
    return answer(request, "website/sub_processors.html", language, **context)


def _edition(kind: str, version: str) -> documents.Edition:
    """Raises Http404: unknown, or prepared and not published."""
    wanted = version or documents.current(kind, today=timezone.localdate()).version
    for edition in documents.editions(kind):
        if edition.document.version == wanted:
            return edition
    raise Http404


def _spoken(document: documents.Document) -> str:
    """The language of the page, when the text has it."""
    return document.language(get_language() or documents.AUTHENTIC)


@csrf_exempt  # there is no session to keep a token in, and all a foreign page could do is choose a language
@require_POST
@public
def language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in the one cookie of the website, and go to the page in that language."""
    code, back = request.POST.get("language", ""), request.POST.get("next", "")
    if code not in languages.of_website():
        raise Http404
    answer = HttpResponseRedirect(_in_language(code, back))
    kit_cookies.LANGUAGE.set(answer, code)
    return answer


def _in_language(code: str, path: str) -> str:
    """The same page in a language, so that the choice holds without a cookie too; the home page for what is no page."""
    try:
        return site.alternates(resolve(path, urlconf="config.urls_website"))[code]
    except (Resolver404, NoReverseMatch, KeyError):
        return site.address("home", code)


# --- files for machines -----------------------------------------------------------------------------


@require_safe
@public
def robots(request: HttpRequest) -> HttpResponse:
    """Nothing is blocked: what must not be indexed says so itself, and a crawler has to see that (P11)."""
    return _text(f"User-agent: *\nAllow: /\n\nSitemap: {_absolute('website:sitemap')}\n")


@require_safe
@public
def sitemap(request: HttpRequest) -> HttpResponse:
    """Each page in each language, and which addresses are the same page in another."""
    host = host_url("")
    pages = [{code or "x-default": host + path for code, path in page.items()} for page in site.listed()]
    return render(request, "website/sitemap.xml", {"pages": pages}, content_type="application/xml")


@require_safe
@public
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116. It expires with the release: who runs an old one has to look again."""
    expires = settings.SMOALL_RELEASED_ON + timedelta(days=SECURITY_TXT_DAYS)
    lines = (
        f"Contact: mailto:{settings.SMOALL_SUPPORT}",
        f"Expires: {expires:%Y-%m-%d}T00:00:00Z",
        f"Preferred-Languages: {', '.join(languages.of_website())}",
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


@gzip_page  # no page here holds a secret that its length could give away (BREACH)
def answer(request: HttpRequest, template: str, language: str, /, **context: Any) -> HttpResponse:
    """A page of the website, also for modules above this one. In no scope."""
    return render(request, template, {**_frame(request, language), **context})


def _frame(request: HttpRequest, language: str) -> dict[str, Any]:
    """`language` is what the page's address begins with; its links lead to pages that begin alike."""
    here, path, host = get_language() or "", request.path, host_url("")
    alternates = site.alternates(request.resolver_match)
    return {
        "languages": [
            {"code": code, "label": name, "post": reverse("website:language"), "next": path, "active": code == here}
            for code, name in languages.of_website().items()
        ],
        "alternates": [(code or "x-default", host + path) for code, path in alternates.items()],
        "canonical": host + alternates[here],
        "pages": {each.name: site.address(each.name, language) for each in site.PAGES},
        "pictures": site.pictures(here),
        "site_menu": [each.entry(path, language) for each in site.PAGES if each.place == "menu"],
        "foot_menu": [each.entry(path, language) for each in site.PAGES if each.place == "foot"],
        "sign_in_url": host_url("app") + "/",
        "sign_up_url": host_url("app") + reverse("app:sign-up", urlconf="config.urls_app"),
        "support": settings.SMOALL_SUPPORT,
        "company": settings.SMOALL_CONTROLLER.partition(",")[0],
    }  # fmt: skip


def _absolute(name: str) -> str:
    return host_url("") + reverse(name)


def _text(content: str) -> HttpResponse:
    return HttpResponse(content, content_type="text/plain; charset=utf-8")
