"""Cards: that none is known here, that one operator alone is talked to, and that no page of ours asks for one (P15, P16, P25);
that the operator is told of changed contact details (P39), and forgets whom we forget (P36, P40).
"""

import re
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from billing import customers
from billing.models import Account, Parting
from billing.models.account import changed
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows, unknown
from shared_apps.promises.checks.pages import OUT_OF_REACH
from shared_apps.promises.checks.tables import COLUMNS

CARD_COLUMN = re.compile(
    r"(^|_)(card_?(number|no)|pan|last_?4|cvc2?|cvv2?|csc|exp(iry)?_?(month|year|date)|card_?fingerprint|iin)(_|$)"
)
NUMBER = r"\m[0-9]{13,19}\M|\m[0-9]{4}([ -][0-9]{4}){3}\M"
# Visa; Mastercard; American Express; Maestro, Discover and UnionPay; JCB; Diners Club, which begins like French companies'
# numbers where it begins with 30: those are left to the search for columns.
KINDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|(?:5[06-8]|6\d)\d{14,17}|35\d{14}|3[689]\d{12}"
)
CANDIDATE = re.compile(r"\b(?:[0-9]{13,19}|[0-9]{4}(?:[ -][0-9]{4}){3})\b")
NEWEST = 2_000  # rows of a table
COMPARED = 5_000  # accounts at the payment operator, the newest
CARD_FIELD = re.compile(
    r"""autocomplete\s*=\s*["']?cc-|<input\b[^>]*\bname\s*=\s*["']?(card|cardnumber|card_number|cvc|cvv|ccnum)\b""",
    re.IGNORECASE,
)


def is_card(text: str) -> bool:
    """Whether the digits are those of a payment card: a kind's first digits and length, and the check digit (ISO/IEC 7812).

    Other numbers have that check digit too: a French company's, one account in ten.
    """
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not KINDS.fullmatch("".join(map(str, digits))):
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


@check("P15", title=_("Details of payment cards in the tables"))
def no_card_is_kept(around: Round) -> Result:
    with reading(scope.owner()):
        columns = sum(bool(CARD_COLUMN.search(name)) for _shared, _table, name, _count in rows(COLUMNS))
    numbers = looked_at = 0
    with reading(scope.shared()):
        for model in apps.get_app_config("billing").get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, models.CharField | models.TextField | models.JSONField):
                    looked_at += 1
                    numbers += _cards_in(model, str(field.column))
    return kept_if(
        not (columns or numbers),
        gettext_noop(
            "Columns for details of cards, in all schemas: %(columns)s; columns of billing that were read: "
            "%(looked_at)s; numbers of cards in them: %(numbers)s."
        ),
        columns=columns,
        looked_at=looked_at,
        numbers=numbers,
    )


def _cards_in(model: type[models.Model], column: str) -> int:
    """In the newest rows. The names are the models' own."""
    table = model._meta.db_table
    key = model._meta.pk.column if model._meta.pk else "id"
    found = rows(
        f'SELECT t.v FROM (SELECT "{column}"::text AS v FROM "{table}" ORDER BY "{key}" DESC LIMIT %s) t WHERE t.v ~ %s',  # noqa: S608
        [NEWEST, NUMBER],
    )
    return sum(is_card(one) for (value,) in found for one in CANDIDATE.findall(value))


@check("P36", "P40", title=_("Records of erased clients at the payment operator"))
def operator_forgets_too(around: Round) -> Result:
    """Asked for with the erasure of the contact details; a day is promised."""
    with reading(scope.shared()):
        asked, late = Parting.objects.count(), Parting.late(now=around.now).count()
        known = Account.objects.exclude(client_uuid__in=Client.objects.values("pk")).count()
    return kept_if(
        not (late or known),
        gettext_noop(
            "Records that the payment operator still has to delete: %(asked)s, of them for longer than a day: %(late)s; "
            "accounts of clients who are forgotten: %(known)s."
        ),
        asked=asked,
        late=late,
        known=known,
    )


@check("P39", title=_("Contact details, beside what the payment operator was told"))
def operator_is_told_of_changes(around: Round) -> Result:
    """A change is on its way as long as its job waits. Also of clients whose data is gone: their details change by a link."""
    with reading(scope.shared()):
        known = {
            one.client_uuid: one
            for one in Account.objects.exclude(customer_id=None).order_by("-id")[:COMPARED]
        }
        clients = list(Client.objects.filter(pk__in=known))
        due = Job.objects.filter(name=customers.follow.name, state__in=(Job.State.WAITING, Job.State.RUNNING))
        waiting = {one for args in due.values_list("args", flat=True) for one in args}
    lagging = [one for one in clients if changed(known[one.pk].sent, known[one.pk].told(one))]
    untold = sum(str(one.pk) not in waiting for one in lagging)
    return kept_if(
        untold == 0,
        gettext_noop(
            "Clients whom the payment operator knows: %(known)s; changes on their way to it: %(waiting)s; contact details "
            "of which it has others, though nothing is on its way: %(untold)s."
        ),
        known=len(clients),
        waiting=len(lagging) - untold,
        untold=untold,
    )


@check("P16", title=_("Which payment operator we talk to"))
def one_operator_has_the_cards(around: Round) -> Result:
    """Stripe itself or, where nobody pays, the stand-in on this machine."""
    place = urlsplit(settings.STRIPE_API)
    is_stripe = place.scheme == "https" and place.hostname == customers.HOST
    is_standin = place.hostname in ("127.0.0.1", "localhost") and not settings.STRIPE_KEY.startswith(
        "sk_live"
    )
    strange = int(not (is_stripe or is_standin))
    with reading(scope.shared()):
        kinds = Account.objects.exclude(pay_method="").values("pay_method").distinct().count()
    return kept_if(
        not strange,
        gettext_noop("Payment operators: 1, of them unknown: %(strange)s; kinds of means of payment that we know of: %(kinds)s."),
        strange=strange,
        kinds=kinds,
    )  # fmt: skip


@check("P25", title=_("Fields for cards on our pages"))
def no_page_asks_for_a_card(around: Round) -> Result:
    pages = [one for one in around.pages if one.is_page]
    if not pages:
        return unknown(OUT_OF_REACH)
    asking = sum(bool(CARD_FIELD.search(one.body)) for one in pages)
    plain = sum(not page.startswith("https://") for page in settings.STRIPE_PAGES)
    is_open = int(bool(plain) and settings.STRIPE_KEY.startswith("sk_live"))
    return kept_if(
        not (asking or is_open),
        gettext_noop(
            "Pages: %(pages)s; with a field for a card: %(asking)s; pages of the payment operator reached without encryption: "
            "%(open)s."
        ),
        pages=len(pages),
        asking=asking,
        open=is_open,
    )
