"""The website speaks four languages, the application those that are complete: no page asks for a text that there is none of."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone, translation
from django.utils.translation import trans_real

from shared_apps.kit import languages
from shared_apps.promises import document
from shared_apps.website import site
from tests.conftest import Cast
from tests.promises.test_page import publish

HOST = "smoall.localhost"
OTHERS = [code for code, _name in settings.WEBSITE_LANGUAGES if code != settings.LANGUAGE_CODE]


class Missing:
    """Stands where gettext turns to when a language lacks a text, and writes down which."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def gettext(self, text: str) -> str:
        self.texts.add(text)
        return text

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one)

    def pgettext(self, context: str, text: str) -> str:
        return self.gettext(text)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Missing]]:
    def listen(language: str) -> Missing:
        found = Missing()
        monkeypatch.setattr(trans_real.translation(language), "_fallback", found)
        return found

    yield listen
    translation.activate("en")


@pytest.mark.parametrize("language", OTHERS)
def test_a_visitor_reads_no_word_in_another_language(
    db: None, browser: Callable[..., Browser], missing: Callable[[str], Missing], language: str
) -> None:
    publish(at=timezone.now(), P12="broken", P11="unknown")
    visitor, lacking = browser(HOST), missing(language)
    visitor.raise_request_exception = False
    for page in site.listed():
        assert visitor.get(page[language]).status_code == 200
    for page in site.PAGES:
        assert visitor.get(site.address(page.name, language)).status_code == 200
    assert visitor.get(f"/{language}/nothing/").status_code == 404
    assert visitor.post(f"/{language}/").status_code == 405
    for template in ("400.html", "403.html", "403_csrf.html", "500.html", "kit/checking.html"):
        with translation.override(language):
            from django.template.loader import render_to_string

            render_to_string(template)
    document._known = None
    assert lacking.texts == set()


def test_a_text_that_is_lacking_would_be_found(missing: Callable[[str], Missing]) -> None:
    lacking = missing("nl")
    with translation.override("nl"):
        assert translation.gettext("Nobody translated this") == "Nobody translated this"
    assert lacking.texts == {"Nobody translated this"}


@pytest.mark.parametrize(
    ("path", "cookie", "wish", "spoken"),
    [
        ("/", "", "", "en"), ("/", "", "nl-BE,fr;q=0.5", "nl"), ("/", "", "it,de-AT;q=0.3", "de"), ("/", "de", "nl", "de"),
        ("/fr/", "de", "nl", "fr"), ("/fr/prices/", "", "", "fr"), ("/", "tlh", "fr", "fr"), ("/", "", "*", "en"),
        ("/", "", "x" * 5000, "en"), ("/it/", "", "nl", "nl"), ("/nl", "", "fr", "fr"),
    ],
)  # fmt: skip
def test_the_path_decides_then_the_choice_then_the_browser(
    path: str, cookie: str, wish: str, spoken: str
) -> None:
    request = RequestFactory().get(path, headers={"accept-language": wish})
    request.COOKIES[settings.LANGUAGE_COOKIE_NAME] = cookie
    assert languages.of_request(request) == spoken


def test_the_application_offers_only_what_is_complete(acme: Cast, browser: Callable[..., Browser]) -> None:
    for host in ("app.smoall.localhost", acme.host):
        answer = browser(host).get("/sign-in/", headers={"accept-language": "nl,de;q=0.9,fr;q=0.5"})
        page = answer.content.decode()
        assert answer.headers["Content-Language"] == "fr"
        assert "Nederlands" not in page and "Deutsch" not in page
        assert browser(host).get("/language/nl/").status_code == 404
