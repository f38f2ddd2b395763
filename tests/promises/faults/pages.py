"""Pages, cookies and headers, changed as they arrive."""

from dataclasses import replace

from shared_apps.legal import documents
from tests.promises.faults.stage import Stage, fault, on_page, with_header


@fault("website-leaves-nothing")
def a_cookie_for_every_visitor(on: Stage) -> None:
    on.answers(on_page("/contact/", lambda one: replace(one, cookies=("_ga=1; Path=/",))))


@fault("website-leaves-nothing")
@fault("pages-stay-at-home")
def a_font_from_elsewhere(on: Stage) -> None:
    font = '<link rel="stylesheet" href="https://fonts.test/a.css">'
    on.answers(on_page("/security/", lambda one: replace(one, body=one.body + font)))


@fault("website-leaves-nothing")
def a_page_that_fails(on: Stage) -> None:
    on.answers(on_page("/terms/", lambda one: replace(one, status=500)))


@fault("cookies-are-registered")
def a_cookie_of_no_register(on: Stage) -> None:
    on.answers(on_page("/sign-in/", lambda one: replace(one, cookies=(*one.cookies, "messages=x"))))


@fault("cookies-hold-no-more")
def a_session_that_scripts_can_read(on: Stage) -> None:
    on.answers(
        on_page("/sign-in/", lambda one: replace(one, cookies=("__Host-session=x; Secure; SameSite=Lax",)))
    )


@fault("cookies-hold-no-more")
def a_cookie_for_all_hosts(on: Stage) -> None:
    on.answers(
        on_page("/sign-in/", lambda one: replace(one, cookies=("language=fr; Domain=smoall.localhost",)))
    )


@fault("cookies-are-shown")
def a_page_that_hides_a_cookie(on: Stage) -> None:
    hidden = "<code>__Host-session</code>"
    on.answers(on_page("/cookies/", lambda one: replace(one, body=one.body.replace(hidden, ""))))


@fault("search-engines-are-told")
def an_application_that_may_be_cached(on: Stage) -> None:
    on.answers(on_page("/sign-in/", with_header("cache-control", "max-age=600")))


@fault("search-engines-are-told")
def robots_that_hide_the_header(on: Stage) -> None:
    on.answers(on_page("/robots.txt", lambda one: replace(one, body="User-agent: *\nDisallow: /\n")))


@fault("https-everywhere")
def a_plain_page(on: Stage) -> None:
    on.answers(lambda one: replace(one, status=200) if one.is_plain else one)


@fault("https-everywhere")
def a_page_without_hsts(on: Stage) -> None:
    on.answers(on_page("/find/", with_header("strict-transport-security", "")))


@fault("pages-stay-at-home")
def a_policy_that_allows_inline_code(on: Stage) -> None:
    on.answers(on_page("/", with_header("content-security-policy", "default-src 'self' 'unsafe-inline'")))


@fault("contact-points-are-shown")
def a_page_without_the_address(on: Stage) -> None:
    on.answers(on_page("/contact/", lambda one: replace(one, body=one.body.replace("Rue des Anges 65", ""))))


@fault("texts-are-as-published")
def a_page_with_another_text(on: Stage) -> None:
    on.answers(on_page("/privacy/", lambda one: replace(one, body="<p>We may now sell everything.</p>")))


@fault("texts-are-as-published")
def a_text_that_was_edited(on: Stage) -> None:
    on.patch.setattr(documents, "altered", lambda: ["privacy 1 fr"])
