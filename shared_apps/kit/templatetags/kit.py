"""The template tags of every page: `{% load kit %}`. How they are used stands in docs/design-system.md.

Here: icons, pictures, blocks read as values, query strings, amounts, moments, undo. Forms are in
kit_forms.py and charts in kit_charts.py, both loaded by `{% load kit %}` too.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from html import unescape
from typing import Any

import heroicons
from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal
from django import template
from django.core.paginator import Page
from django.http import QueryDict
from django.template import Context
from django.template.base import NodeList
from django.template.loader import render_to_string
from django.template.loader_tags import BlockNode
from django.utils import timezone
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shared_apps.kit.numbers import format_vat
from shared_apps.kit.templatetags import kit_charts, kit_forms

register = template.Library()
register.tags.update(kit_forms.register.tags)
register.tags.update(kit_charts.register.tags)
register.filters.update(kit_forms.register.filters)


# --- icons and pictures --------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _drawn(name: str, style: str, css: str) -> SafeString:
    attributes: dict[str, object] = {"class": css, "aria-hidden": "true", "focusable": "false"}
    return mark_safe(heroicons._render_icon(style, name, 20, attributes))


@register.simple_tag
def icon(name: str, style: str = "outline", small: bool = False, css: str = "") -> SafeString:
    """A heroicon as inline SVG, hidden from screen readers. Raises IconDoesNotExist for an unknown name."""
    classes = ("icon icon-small" if small else "icon") + (f" {css}" if css else "")
    return _drawn(str(name), str(style), classes)


@register.simple_tag
def picture(name: str) -> SafeString:
    """A line drawing of kit/pictures/: contacts history mail locked erased door torn files restoring."""
    return mark_safe(render_to_string(f"kit/pictures/{name}.svg"))


# --- blocks as values ----------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def slot(context: Context, name: str) -> SafeString:
    """What the page puts into block `name`, else "": for a block wanted twice, or only when filled."""
    return mark_safe(str(BlockNode(name, NodeList()).render(context)).strip())


@register.simple_tag(takes_context=True)
def title_text(context: Context) -> str:
    """The page's `title` block as plain text, for <title>."""
    return " ".join(unescape(strip_tags(slot(context, "title"))).split())


# --- lists: sorting, filtering, pages ------------------------------------------------------------------


def _query(context: Context) -> QueryDict:
    request = context.get("request")
    return request.GET.copy() if request is not None else QueryDict(mutable=True)


def _address(query: QueryDict) -> str:
    """Relative address of the same page with another query; "?" empties it."""
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: object) -> str:
    """The query string with some parameters replaced; None or "" removes one; `page` goes unless given."""
    changed = _query(context)
    changed.pop("page", None)
    for name, value in changes.items():
        if value is None or value == "":
            changed.pop(name, None)
        else:
            changed[name] = str(value)
    return _address(changed)


@register.inclusion_tag("kit/components/sort_header.html", takes_context=True)
def sort_header(
    context: Context, key: str, label: str, number: bool = False, parameter: str = "sort"
) -> dict[str, object]:
    """A column header that sorts by `key`, then by `-key`. A view names its default order as `sort`."""
    changed = _query(context)
    now = changed.get(parameter) or str(context.get(parameter) or "")
    direction = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    changed[parameter] = f"-{key}" if direction == "ascending" else key
    changed.pop("page", None)
    return {
        "id": f"{parameter}-{key}",  # htmx gives the focus back to what has the same id in the answer
        "label": label,
        "number": number,
        "direction": direction,
        "url": _address(changed),
    }


@register.inclusion_tag("kit/components/chip.html", takes_context=True)
def chip(
    context: Context, parameter: str, value: object, label: str, count: int | None = None
) -> dict[str, object]:
    """A filter that is a link: sets `parameter` to `value`, keeps the rest. The value "" stands for all."""
    changed = _query(context)
    wanted = str(value)
    active = changed.get(parameter, "") == wanted
    changed.pop("page", None)
    if wanted and not active:
        changed[parameter] = wanted
    else:
        changed.pop(parameter, None)
    removable = active and bool(wanted)
    return {
        "id": f"chip-{parameter}-{wanted or 'all'}",
        "label": label,
        "count": count,
        "active": active,
        "removable": removable,
        "url": _address(changed),
    }


@register.simple_tag
def page_numbers(page: "Page[Any]") -> list[int | None]:
    """The numbers a pager shows; None stands for a gap."""
    numbers: Iterable[object] = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return [number if isinstance(number, int) else None for number in numbers]


# --- numbers, amounts and moments -------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _locale_named(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale("en")


def _locale() -> Locale:
    """Babel's locale of the active language. Plain "en" writes as Europe does: day before month, 24 hours."""
    language = get_language() or "en"
    return _locale_named("en-GB" if language == "en" else language)


@register.simple_tag
def money(amount: Decimal | int | None, currency: str = "EUR") -> SafeString:
    """An amount as the language writes it. Decimals count units, ints cents, None is a dash; no floats."""
    if amount is None:
        return mark_safe('<span class="muted">–</span>')
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int)):
        raise TypeError(f"money wants a Decimal of units or an int of cents, not {amount!r}")
    units = amount if isinstance(amount, Decimal) else Decimal(amount) / 100
    text = format_currency(units, currency, locale=_locale()).replace("-", "−")
    return format_html('<span class="money">{}</span>', text)


@register.filter
def number(value: object) -> object:
    """A whole number as the language writes it ("1 481"); anything else, such as "5000+", stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return format_decimal(value, locale=_locale())


@register.filter
def vat(number: str) -> str:
    """A VAT number as people write it: BE 0403.170.701."""
    return format_vat(number)


def _said(moment: datetime, now: datetime) -> str:
    locale = _locale()
    clock = format_time(moment, "short", locale=locale)
    if moment.date() == now.date():
        return _("today at %(time)s") % {"time": clock}
    if moment.date() == now.date() - timedelta(days=1):
        return _("yesterday at %(time)s") % {"time": clock}
    return _day(moment.date(), now.date())


def _day(day: date, today: date) -> str:
    if day.year == today.year:
        return str(format_skeleton("MMMMd", day, locale=_locale()))
    return format_date(day, "long", locale=_locale())


@register.simple_tag
def moment(value: datetime | date | None, how: str = "said", now: datetime | None = None) -> SafeString:
    """A <time>. "said": as people say it ("today at 14:32"); "date": the full date; "exact": to the second.

    Datetimes are shown in the current time zone. None is a dash. `now` is for tests and pages of the past.
    """
    if value is None:
        return mark_safe('<span class="muted">–</span>')
    here = timezone.localtime(now) if now else timezone.localtime()
    if not isinstance(value, datetime):
        text = _day(value, here.date()) if how == "said" else format_date(value, "long", locale=_locale())
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)
    local = timezone.localtime(value) if timezone.is_aware(value) else timezone.make_aware(value)
    exact = format_datetime(local, "long", tzinfo=local.tzinfo, locale=_locale())
    text = {
        "said": lambda: _said(local, here),
        "date": lambda: format_date(local.date(), "long", locale=_locale()),
        "exact": lambda: format_datetime(local.replace(tzinfo=None), "medium", locale=_locale()),
    }[how]()
    machine = local.isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, exact, text)


# --- messages and people -------------------------------------------------------------------------------

TOASTS: Mapping[str, str] = {
    "success": "positive",
    "warning": "attention",
    "error": "danger",
    "info": "accent",
    "debug": "accent",
}


@register.filter
def toast_kind(message: object) -> str:
    """positive, attention, danger or accent for a Django message."""
    return TOASTS.get(str(getattr(message, "level_tag", "")), "accent")


@register.filter
def undo_url(message: object) -> str:
    """Where a message's undo posts to, else "": `messages.success(request, text, extra_tags="undo:/…")`."""
    tags = str(getattr(message, "extra_tags", "") or "")
    return tags.removeprefix("undo:") if tags.startswith("undo:/") and not tags.startswith("undo://") else ""


@register.filter
def initials(name: object) -> str:
    """One or two letters for an avatar."""
    words = [word for word in str(name or "").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)) or "·"
