"""Deny by default, roles, transplanted cookies and tokens, and the workspace that is suspended."""

import re
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver, include, path
from django.views import View

from shared_apps.accounts.access import access_of, public, requires, rights_of, signed_in
from shared_apps.accounts.models import Purpose, Session, UnknownRight, User
from shared_apps.accounts.sessions import Nothing, SessionError
from shared_apps.kit import scope
from shared_apps.kit.module import all_rights
from tests.accounts.conftest import APP, NEW, OPS
from tests.conftest import PASSWORD, TESTER, Cast, next_code

Open = Callable[..., Browser]
COOKIE = "__Host-session"
URLCONFS = [
    "config.urls_website",
    "config.urls_app",
    "config.urls_ops",
    "config.urls_tenant",
    "config.urls_erasing",
]


def answer(request: HttpRequest, **kwargs: object) -> HttpResponse:
    who = scope.actor_or_none()
    return HttpResponse(f"opened by {who.kind if who else 'nobody'}")


class Page(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return answer(request)

    post = get


def undeclared(request: HttpRequest) -> HttpResponse:
    return answer(request)


@public
def for_all(request: HttpRequest) -> HttpResponse:
    return answer(request)


@signed_in
def for_people(request: HttpRequest) -> HttpResponse:
    return answer(request)


@requires("team.manage")
def for_admins(request: HttpRequest) -> HttpResponse:
    return answer(request)


@requires("team.manage", when_suspended=True)
def for_admins_always(request: HttpRequest) -> HttpResponse:
    return answer(request)


@requires("team.manage")
class AdminsPage(Page):
    pass


class Undeclared(Page):
    pass


@pytest.fixture
def stage(acme: Cast) -> object:
    """The workspace's host with a few views that exist for these tests alone."""
    from config import urls_tenant
    from tenants import middleware

    module = ModuleType("tests.accounts.stage")
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("t/undeclared/", undeclared),
        path("t/undeclared-class/", Undeclared.as_view()),
        path("t/all/", for_all),
        path("t/people/", for_people),
        path("t/admins/", for_admins),
        path("t/admins-always/", for_admins_always),
        path("t/admins-class/", AdminsPage.as_view()),
        path("", include(urls_tenant)),
    ]
    sys.modules[module.__name__] = module
    middleware_init = middleware.HostMiddleware._answer

    def answer_with_stage(self: object, request: HttpRequest) -> HttpResponse:
        request.urlconf = module.__name__  # type: ignore[attr-defined]
        return middleware_init(self, request)  # type: ignore[arg-type]

    middleware.HostMiddleware._answer = answer_with_stage  # type: ignore[method-assign,assignment]
    yield module
    middleware.HostMiddleware._answer = middleware_init  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("address", "anonymous", "member", "admin"),
    [
        ("undeclared/", 403, 403, 403),
        ("undeclared-class/", 403, 403, 403),
        ("all/", 200, 200, 200),
        ("people/", 302, 200, 200),
        ("admins/", 302, 403, 200),
        ("admins-class/", 302, 403, 200),
    ],
)
def test_a_view_opens_to_those_it_names_and_denies_by_default(
    acme: Cast, browser: Open, stage: object, address: str, anonymous: int, member: int, admin: int
) -> None:
    for user, expected in (
        (None, anonymous),
        (acme.colleague, member),
        (acme.admin, admin),
        (acme.owner, admin),
    ):
        for method in ("get", "post"):
            found = getattr(browser(acme, user), method)(f"/t/{address}")
            assert found.status_code == expected, (user, method)
            assert (b"opened by" in found.content) == (expected == 200)


def test_a_refusal_is_logged_by_view_and_right_and_names_nobody(
    acme: Cast, browser: Open, stage: object, caplog: pytest.LogCaptureFixture
) -> None:
    here = browser(acme, acme.colleague)
    with caplog.at_level("WARNING", "smoall.access"):
        here.get("/t/admins/")
    [said] = [record.getMessage() for record in caplog.records if record.name == "smoall.access"]
    assert said.startswith("refused: ") and "wants" in said
    assert str(acme.colleague.id) not in said and acme.colleague.email not in said and "/t/" not in said


def test_the_author_of_a_request_is_who_is_signed_in(acme: Cast, browser: Open, stage: object) -> None:
    assert browser(acme, acme.colleague).get("/t/all/").content == b"opened by user"
    assert browser(acme).get("/t/all/").content == b"opened by nobody"


def test_a_changed_role_counts_on_the_next_request(acme: Cast, browser: Open, stage: object) -> None:
    here = browser(acme, acme.admin)
    assert here.get("/t/admins/").status_code == 200
    with acme.inside():
        User.objects.get(id=acme.admin.id).change_role(1, by=acme.owner)
    assert here.get("/t/admins/").status_code == 403


def test_a_right_that_no_module_declares_is_an_error(acme: Cast) -> None:
    with acme.inside(), pytest.raises(UnknownRight):
        acme.owner.may("nothing.such")


def callbacks(urlconf: str) -> list[tuple[str, Callable[..., object]]]:
    found, left = [], [("", pattern) for pattern in get_resolver(urlconf).url_patterns]
    while left:
        prefix, pattern = left.pop()
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            left += [(here, inner) for inner in pattern.url_patterns]
        elif isinstance(pattern, URLPattern):
            found.append((here, pattern.callback))
    return found


@pytest.mark.parametrize("urlconf", URLCONFS)
def test_every_address_declares_its_access_with_a_right_that_exists(urlconf: str) -> None:
    for address, callback in callbacks(urlconf):
        access = access_of(callback)
        assert access is not None, f"{urlconf} {address} declares no access: it answers 403"
        assert not access.right or access.right in all_rights(), (address, access.right)
    assert rights_of(urlconf) <= set(all_rights())


# --- I6: nothing carried from one place opens another ---------------------------------------------------


def test_I6_a_transplanted_session_cookie_opens_nothing(
    acme: Cast, zenith: Cast, browser: Open, operator: User, integrator: User
) -> None:
    places = {acme.host: acme.owner, zenith.host: zenith.owner, OPS: operator, APP: integrator}
    for source, person in places.items():
        cookie = browser(source, person).cookies[COOKIE].value
        for target in set(places) - {source}:
            thief = browser(target)
            thief.cookies[COOKIE] = cookie
            assert thief.get("/me/").status_code == 302, (source, target)


def test_I6_a_session_row_copied_into_another_workspace_opens_nothing(
    acme: Cast, zenith: Cast, browser: Open
) -> None:
    """Even with the same people there, and with its realm and hash put right."""
    from shared_apps.accounts.sessions import hash_of

    key = browser(acme, acme.colleague).cookies[COOKIE].value
    with acme.inside():
        user = User.objects.filter(id=acme.colleague.id).values().get()
        row = Session.objects.filter(user=acme.colleague.id).values().get()
    with zenith.inside():
        User.objects.create(**user)
        Session.objects.create(**row)
    thief = browser(zenith)
    thief.cookies[COOKIE] = key
    assert thief.get("/me/").status_code == 302
    with zenith.inside():
        Session.objects.filter(id=row["id"]).update(realm=str(zenith.id), key_hash=hash_of(key))
    thief.cookies[COOKIE] = key
    assert thief.get("/me/").status_code == 302, "its data is signed for the other workspace"


def token_in(browser: Browser, address: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(address).content.decode())
    assert found
    return found[1]


def strict(cast_or_host: "Cast | str", user: User | None = None) -> Browser:
    """A browser on a server that checks CSRF tokens, as the real one does."""
    host = cast_or_host if isinstance(cast_or_host, str) else cast_or_host.host
    opened = Browser(enforce_csrf_checks=True, HTTP_HOST=host)
    if user:
        token = token_in(opened, "/sign-in/")
        body = {"email": user.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        answer = opened.post("/sign-in/", body)
        assert answer.status_code == 302
        if answer.headers["Location"] == "/sign-in/second/":
            token = token_in(opened, "/sign-in/second/")
            with scope.shared(actor=TESTER):
                body = {"code": next_code(user), "csrfmiddlewaretoken": token}
            assert opened.post("/sign-in/second/", body).status_code == 302
    return opened


def test_I6_a_transplanted_csrf_token_is_refused(acme: Cast, zenith: Cast, operator: User) -> None:
    here, there, ops = strict(acme, acme.owner), strict(zenith, zenith.owner), strict(OPS, operator)
    mine = token_in(here, "/me/")
    for other in (there, ops):
        stolen = token_in(other, "/me/")
        body = {"name": "Eve", "language": "en", "csrfmiddlewaretoken": stolen}
        assert here.post("/me/", body).status_code == 403
    with acme.inside():
        assert User.objects.get(id=acme.owner.id).name == acme.owner.name
    assert (
        here.post("/me/", {"name": "Olga", "language": "en", "csrfmiddlewaretoken": mine}).status_code == 302
    )


def test_the_csrf_token_of_before_signing_in_is_worth_nothing_after(acme: Cast) -> None:
    here = Browser(enforce_csrf_checks=True, HTTP_HOST=acme.host)
    before = token_in(here, "/sign-in/")
    body = {"email": acme.owner.email, "password": PASSWORD, "csrfmiddlewaretoken": before}
    assert here.post("/sign-in/", body).status_code == 302
    answer = here.post("/me/", {"name": "Eve", "language": "en", "csrfmiddlewaretoken": before})
    assert answer.status_code == 403


def test_signing_in_without_a_token_is_refused(acme: Cast) -> None:
    here = Browser(enforce_csrf_checks=True, HTTP_HOST=acme.host)
    assert here.post("/sign-in/", {"email": acme.owner.email, "password": PASSWORD}).status_code == 403


# --- suspension, language, the website ------------------------------------------------------------------


def suspend(cast: Cast) -> None:
    from tenants.models import State, Tenant

    with scope.shared(actor=scope.Actor("system", "tests", "Tests")):
        Tenant.objects.filter(id=cast.id).update(state=State.SUSPENDED, is_read_only=True)


def test_a_suspended_workspace_reads_but_changes_nothing(acme: Cast, browser: Open, stage: object) -> None:
    suspend(acme)
    here = browser(acme, acme.admin)
    assert here.get("/t/admins/").status_code == 200
    refused = here.post("/t/admins/")
    assert refused.status_code == 423
    assert b"opened by" not in refused.content
    assert here.post("/t/admins-always/").status_code == 200
    assert here.post("/me/", {"name": "Eve", "language": "en"}).status_code == 423
    assert here.post("/me/password/", {"current": PASSWORD, "password": NEW}).status_code == 302
    assert here.post("/sign-out/").status_code == 302


def test_a_visitors_language_is_a_cookie_and_a_persons_is_a_column(acme: Cast, browser: Open) -> None:
    visitor = browser(acme)
    assert 'lang="fr"' in visitor.get("/sign-in/", HTTP_ACCEPT_LANGUAGE="fr-BE").content.decode()
    chosen = visitor.get("/language/fr/?next=/forgot/")
    assert chosen.headers["Location"] == "/forgot/"
    assert set(chosen.cookies) == {"__Host-language"}
    assert 'lang="fr"' in visitor.get("/forgot/").content.decode()
    assert visitor.get("/language/xx/").status_code == 404
    assert visitor.get("/language/en/?next=//evil.test").headers["Location"] == "/"
    here = browser(acme, acme.owner)
    here.cookies["__Host-language"] = "fr"
    assert 'lang="en"' in here.get("/me/").content.decode()
    here.post("/me/", {"name": acme.owner.name, "language": "fr"})
    assert 'lang="fr"' in here.get("/me/", HTTP_ACCEPT_LANGUAGE="en").content.decode()


def test_P01_the_websites_session_refuses_to_keep_anything() -> None:
    nothing = Nothing()
    assert nothing.get("x") is None
    with pytest.raises(SessionError):
        nothing["x"] = 1
    with pytest.raises(SessionError):
        nothing.setdefault("x", 1)
    with pytest.raises(AttributeError):
        nothing.update({"x": 1})
    with pytest.raises(SessionError):
        nothing.save()


@override_settings(ROOT_URLCONF="config.urls_tenant")
def test_the_account_pages_open_on_every_host_of_the_application(
    acme: Cast, browser: Open, operator: User, integrator: User
) -> None:
    for host, person in ((acme, acme.owner), (OPS, operator), (APP, integrator)):
        here = browser(host, person)
        for page in ("/me/", "/me/password/", "/me/sessions/"):
            assert here.get(page).status_code == 200, (host, page)
        for page in ("/sign-in/", "/forgot/"):
            assert browser(host).get(page).status_code == 200, (host, page)


def test_I6_the_same_key_has_another_hash_in_every_realm_and_a_rows_realm_counts_too(
    acme: Cast, zenith: Cast, browser: Open, operator: User
) -> None:
    from shared_apps.accounts.sessions import hash_of

    hashes = set()
    for entered in (
        acme.inside,
        zenith.inside,
        lambda: scope.shared(realm="app"),
        lambda: scope.shared(realm="ops"),
    ):
        with entered():
            hashes.add(hash_of("k" * 43))
    assert len(hashes) == 4
    here = browser(OPS, operator)
    with scope.shared(realm="ops"):
        Session.objects.filter(user=operator.id).update(realm="app")
    assert here.get("/me/").status_code == 302


def test_who_changes_kind_is_refused_on_the_next_request_and_by_every_link(
    browser: Open, operator: User
) -> None:
    here = browser(OPS, operator)
    with scope.shared(actor=operator.as_actor(), realm="ops"):
        path = User.objects.get(id=operator.id).link(Purpose.RESET)
        User.objects.filter(id=operator.id).update(kind="integrator")
    assert here.get("/me/").status_code == 302
    assert browser(OPS).get(path).status_code == 404
