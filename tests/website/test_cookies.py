"""The register of cookies: what it refuses, strips and mends, and that it can't be changed in silence."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import translation

from shared_apps.kit import cookies
from shared_apps.kit.cookies import COOKIES, LANGUAGE, SESSION, CookiesMiddleware, UnlawfulCookie
from shared_apps.website import site

WEBSITE, APPLICATION = "smoall.localhost", "acme.smoall.localhost"
GOOD: dict[str, Any] = {"max_age": 60, "secure": True, "httponly": True, "samesite": "Lax"}
Answers = Callable[[HttpResponse, str], HttpResponse]


@pytest.fixture
def answered() -> Answers:
    """What leaves when a view answers so on a host."""

    def pass_on(response: HttpResponse, host: str) -> HttpResponse:
        request: HttpRequest = RequestFactory().get("/", headers={"host": host})
        return CookiesMiddleware(lambda request: response)(request)

    return pass_on


def with_cookie(name: str, value: str = "qzxsecret", **attributes: Any) -> HttpResponse:
    response = HttpResponse()
    response.set_cookie(name, value, **{**GOOD, **attributes})
    return response


STRAYS = [
    ("csrftoken", APPLICATION), ("messages", APPLICATION), ("_ga", WEBSITE), (SESSION.name, WEBSITE), ("language", WEBSITE),
]  # fmt: skip


@pytest.mark.parametrize(("name", "host"), STRAYS)
def test_P08_an_unregistered_cookie_fails_here(answered: Answers, name: str, host: str) -> None:
    with pytest.raises(UnlawfulCookie, match=name):
        answered(with_cookie(name), host)


@pytest.mark.parametrize(("name", "host"), STRAYS)
def test_P08_an_unregistered_cookie_is_stripped_in_production(
    answered: Answers, settings: Any, caplog: pytest.LogCaptureFixture, name: str, host: str
) -> None:
    settings.SMOALL_IS_PRODUCTION = True
    with caplog.at_level(logging.WARNING, "smoall.cookies"):
        assert not answered(with_cookie(name), host).cookies
    assert name in caplog.text and "qzxsecret" not in caplog.text


def test_P08_a_cookie_in_a_header_of_its_own_goes_whatever_it_says(answered: Answers, settings: Any) -> None:
    raw = HttpResponse(headers={"Set-Cookie": f"{LANGUAGE.name}=fr; Secure; HttpOnly"})
    with pytest.raises(UnlawfulCookie, match=LANGUAGE.name):
        answered(raw, WEBSITE)
    settings.SMOALL_IS_PRODUCTION = True
    raw = HttpResponse(headers={"Set-Cookie": f"{LANGUAGE.name}=fr; Secure; HttpOnly"})
    assert "Set-Cookie" not in answered(raw, WEBSITE).headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"secure": False}, {"httponly": False}, {"samesite": "None"}, {"samesite": None}, {"domain": ".smoall.localhost"},
        {"path": "/x/"}, {"max_age": LANGUAGE.lifetime + 1},
    ],
    ids=str,
)  # fmt: skip
def test_P08_attributes_are_as_registered(answered: Answers, settings: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(UnlawfulCookie, match=LANGUAGE.name):
        answered(with_cookie(LANGUAGE.name, "fr", **wrong), WEBSITE)
    settings.SMOALL_IS_PRODUCTION = True
    mended = answered(with_cookie(LANGUAGE.name, "fr", **wrong), WEBSITE).cookies[LANGUAGE.name]
    assert mended.value == "fr" and LANGUAGE.faults(mended) == []


def test_P08_what_is_registered_passes_and_so_does_taking_it_back(answered: Answers) -> None:
    given = HttpResponse()
    LANGUAGE.set(given, "nl")
    assert answered(given, WEBSITE).cookies[LANGUAGE.name]["max-age"] == LANGUAGE.lifetime
    taken = HttpResponse()
    taken.delete_cookie(SESSION.name, samesite="Lax")
    assert answered(taken, APPLICATION).cookies[SESSION.name]["max-age"] == 0


def test_P08_a_view_that_sets_one_fails_as_a_request(
    db: None, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted in the middle of the program, not in front of the middleware."""
    from shared_apps.website import views

    original = views.render

    def stray(*args: Any, **kwargs: Any) -> HttpResponse:
        response = original(*args, **kwargs)
        response.set_cookie("visits", "1")
        return response

    monkeypatch.setattr(views, "render", stray)
    with pytest.raises(UnlawfulCookie, match="visits"):
        browser(WEBSITE).get("/")


def test_P08_nothing_stands_outside_the_register(settings: Any) -> None:
    assert settings.MIDDLEWARE[0] == "shared_apps.kit.cookies.CookiesMiddleware"


# --- its versions ------------------------------------------------------------------------------------------


def test_P10_the_register_is_what_its_versions_say() -> None:
    assert cookies.altered() == []
    assert all(each.name.startswith("__Host-") for each in COOKIES)


@pytest.mark.parametrize(
    "changed",
    [
        (*COOKIES, replace(LANGUAGE, name="__Host-theme")), COOKIES[:1],
        (replace(LANGUAGE, lifetime=LANGUAGE.lifetime * 2), SESSION),
        (LANGUAGE, replace(SESSION, purposes={"website": "", "application": ""})),
        (*COOKIES, replace(LANGUAGE, name="__Host-theme", since=2)), (LANGUAGE, replace(SESSION, until=2)),
    ],
)  # fmt: skip
def test_P10_a_change_without_a_new_version_is_refused(changed: tuple[cookies.Cookie, ...]) -> None:
    assert cookies.altered(changed)


def test_P10_a_new_version_adds_and_the_old_one_stays_readable() -> None:
    more = (*COOKIES, replace(LANGUAGE, name="__Host-theme", since=2))
    second = replace(cookies.VERSIONS[0], number=2, digest=cookies.digest(2, more))
    assert cookies.altered(more, (*cookies.VERSIONS, second)) == []
    added = {each.name for each in cookies.registered(2, more)} - {
        each.name for each in cookies.registered(1, more)
    }
    assert added == {"__Host-theme"}


@pytest.mark.parametrize("language", ["fr", "nl", "en", "de"])
def test_P10_the_page_shows_the_register_and_its_versions(
    db: None, browser: Callable[..., Browser], language: str
) -> None:
    page = browser(WEBSITE).get(f"/{language}/cookies/").content.decode()
    rows = [(cookie, use) for cookie in cookies.registered() for use in cookie.purposes.values()]
    with translation.override(language):
        for cookie, use in rows:
            assert f"<code>{cookie.name}</code>" in page and str(use) in page
        assert all(str(each.changes) in page for each in cookies.VERSIONS)
    assert page.count('<th scope="row"') == len(rows) == len(site.cookie_register())
