"""What strangers get over HTTP: cookies, headers, where pages load from (P01, P08–P11, P24, P25, P33)."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.kit.cookies import COOKIES
from shared_apps.kit.places import country_name
from shared_apps.promises.checking import Result, Round, check, kept_if, unknown
from shared_apps.promises.crawl import Answer

OUT_OF_REACH = gettext_noop("The web process could not be reached.")
DEVELOPMENT = gettext_noop("This is a deployment for development, which has no https.")
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|use|image)\b[^>]*?\s(?:src|href|srcset)=["']([^"']+)"""
    r"""|<link\b(?![^>]*\srel="(?:canonical|alternate)")[^>]*?\shref=["']([^"']+)|url\(\s*["']?((?:https?:)?//[^"')]+)""",
    re.IGNORECASE,
)
INLINE = re.compile(r"<style\b|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", re.IGNORECASE)
SESSION = "__Host-session"
UNPUBLISHED = ("/promises.json", 404)  # before the first round has ended


def cookie_name(cookie: str) -> str:
    return cookie.partition("=")[0].strip()


def foreign(answers: Iterable[Answer]) -> list[str]:
    """What pages load from other origins."""
    found = [
        address
        for answer in answers
        if answer.is_page
        for each in FETCHED.findall(answer.body)
        for address in each
    ]
    return [address for address in found if re.match(r"(?:[a-z]+:)?//|data:", address, re.IGNORECASE)]


@check("P01", title=_("The website, asked for as a visitor would"))
def website_leaves_nothing(around: Round) -> Result:
    website = [one for one in around.pages if one.host == "website" and not one.is_plain]
    if not website:
        return unknown(OUT_OF_REACH)
    plain = [one for one in website if not one.is_choice]
    cookies, elsewhere = sum(len(one.cookies) for one in plain), len(foreign(plain))
    failed = sum(one.status >= 400 for one in website if (one.path, one.status) != UNPUBLISHED)
    return kept_if(
        not (cookies or elsewhere or failed),
        gettext_noop(
            "Pages asked for: %(pages)s; cookies: %(cookies)s; things from elsewhere: "
            "%(foreign)s; errors: %(failed)s."
        ),
        pages=len(plain),
        cookies=cookies,
        foreign=elsewhere,
        failed=failed,
    )


@check("P08", title=_("Cookies of every host, beside the register"))
def cookies_are_registered(around: Round) -> Result:
    if not around.pages:
        return unknown(OUT_OF_REACH)
    allowed = {(host, one.name) for one in COOKIES for host in one.purposes}
    sent = [(one.host, cookie_name(cookie)) for one in around.pages for cookie in one.cookies]
    strays = sum(each not in allowed for each in sent)
    return kept_if(
        not strays,
        gettext_noop("Answers: %(answers)s; cookies in them: %(sent)s; outside the register: %(strays)s."),
        answers=len(around.pages),
        sent=len(sent),
        strays=strays,
    )


@check("P09", title=_("What each cookie is, and when it is set"))
def cookies_hold_no_more(around: Round) -> Result:
    if not around.pages:
        return unknown(OUT_OF_REACH)
    choice = [cookie for one in around.pages if one.is_choice for cookie in one.cookies]
    early = sum(len(one.cookies) for one in around.pages if one.host == "website" and not one.is_choice)
    others = [cookie for one in around.pages if one.host == "application" for cookie in one.cookies]
    loose = sum(not _is_tight(cookie) for cookie in others)
    is_right = [cookie_name(cookie) for cookie in choice] == [settings.LANGUAGE_COOKIE_NAME]
    return kept_if(
        is_right and not early and not loose,
        gettext_noop(
            "Choosing a language set %(chosen)s cookie; cookies of the website before that: %(early)s; "
            "cookies of the application: %(others)s, of them open to scripts or other hosts: %(loose)s."
        ),
        chosen=len(choice),
        early=early,
        others=len(others),
        loose=loose,
    )


def _is_tight(cookie: str) -> bool:
    """Of its own host alone, over https, and out of reach of scripts, unless it is the language's."""
    attributes = {part.strip().lower().partition("=")[0] for part in cookie.split(";")[1:]}
    if "domain" in attributes:
        return False
    return cookie_name(cookie) != SESSION or {"httponly", "secure", "samesite"} <= attributes


@check("P10", title=_("The page about cookies, beside the register"))
def cookies_are_shown(around: Round) -> Result:
    shown = [one for one in around.pages if one.path == "/cookies/" and one.status == 200]
    if not shown:
        return unknown(OUT_OF_REACH)
    names = {one.name for one in COOKIES}
    missing = sum(f"<code>{name}</code>" not in page.body for page in shown for name in names)
    return kept_if(
        not missing,
        gettext_noop(
            "Cookies in the register: %(cookies)s; languages: %(languages)s; not shown: %(missing)s."
        ),
        cookies=len(names),
        languages=len(shown),
        missing=missing,
    )


@check("P11", title=_("What search engines are told"))
def search_engines_are_told(around: Round) -> Result:
    answers = [one for one in around.pages if one.status < 300]
    if not answers:
        return unknown(OUT_OF_REACH)
    silent = sum(not _is_told(one) for one in answers)
    blocked = sum("disallow: /" in one.body.lower() for one in answers if one.path == "/robots.txt")
    return kept_if(
        not (silent or blocked),
        gettext_noop(
            "Answers: %(answers)s; without the headers: %(silent)s; addresses that a crawler may "
            "not ask for, so that it could not see them: %(blocked)s."
        ),
        answers=len(answers),
        silent=silent,
        blocked=blocked,
    )


def _is_told(one: Answer) -> bool:
    robots = {word.strip() for word in one.headers.get("x-robots-tag", "").split(",")}
    if one.host == "website":
        return "noarchive" in robots
    return {"noindex", "nofollow", "noarchive"} <= robots and one.headers.get("cache-control") == "no-store"


@check("P24", title=_("https, as far as the web process decides it"))
def https_everywhere(around: Round) -> Result:
    if not around.pages:
        return unknown(OUT_OF_REACH)
    if not settings.SECURE_SSL_REDIRECT:
        return unknown(DEVELOPMENT)
    plain = [one for one in around.pages if one.is_plain]
    sent_on = [
        one
        for one in plain
        if one.status in (301, 308) and one.headers.get("location", "").startswith("https://")
    ]
    others = [one for one in around.pages if not one.is_plain]
    bare = sum("max-age" not in one.headers.get("strict-transport-security", "") for one in others)
    loose = sum("secure" not in cookie.lower() for one in others for cookie in one.cookies)
    return kept_if(
        len(sent_on) == len(plain) and not bare and not loose,
        gettext_noop(
            "Plain requests: %(plain)s, sent on to https: %(sent_on)s; answers without HSTS: "
            "%(bare)s; cookies without Secure: %(loose)s."
        ),
        plain=len(plain),
        sent_on=len(sent_on),
        bare=bare,
        loose=loose,
    )


@check("P25", "P33", title=_("Where pages may load from and send to"))
def pages_stay_at_home(around: Round) -> Result:
    pages = [one for one in around.pages if one.is_page and not one.is_plain]
    if not pages:
        return unknown(OUT_OF_REACH)
    open_ = sum(not _is_closed(one.headers.get("content-security-policy", "")) for one in pages)
    elsewhere, inline = len(foreign(pages)), sum(bool(INLINE.search(one.body)) for one in pages)
    return kept_if(
        not (open_ or elsewhere or inline),
        gettext_noop(
            "Pages: %(pages)s; with an open policy for content: %(open)s; things from elsewhere: "
            "%(foreign)s; inline code: %(inline)s."
        ),
        pages=len(pages),
        open=open_,
        foreign=elsewhere,
        inline=inline,
    )


def _is_closed(policy: str) -> bool:
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";") if rule.split()}
    ours = re.compile(rf"'self'|'none'|https?://\*\.{re.escape(settings.SMOALL_DOMAIN)}(:\*)?\Z")
    sources = [source for rule in rules.values() for source in rule]
    return "'self'" in rules.get("default-src", []) and all(ours.match(source) for source in sources)


@check("P44", title=_("Where we can be reached"))
def contact_points_are_shown(around: Round) -> Result:
    shown = [one for one in around.pages if one.path == "/contact/" and one.status == 200]
    if not shown:
        return unknown(OUT_OF_REACH)
    wanted = [settings.SMOALL_SUPPORT, *settings.SMOALL_CONTROLLER.split(", ")[:-1]]
    missing = sum(line not in page.body for page in shown for line in wanted)
    missing += sum(_country(page.language) not in page.body for page in shown)
    return kept_if(
        not missing,
        gettext_noop("Languages: %(languages)s; lines of our addresses that are missing: %(missing)s."),
        languages=len(shown),
        missing=missing,
    )


def _country(language: str) -> str:
    with translation.override(language):
        return str(country_name("BE"))
