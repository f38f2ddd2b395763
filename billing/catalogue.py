"""What Smoall sells: plans, for each person and month or year, in euro cents without VAT.

The code is the source; the processor has a copy of it, made by `sync`. A price is never altered: another amount is another
price under another key, and whoever ordered at the old one keeps it until they change (terms of use, article 5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

from billing import gateway
from billing.gateway import id_of, once, read, talking
from shared_apps.kit import prices

CURRENCY = "eur"
Period = Literal["month", "year"]
Room = Literal["", "near", "over"]  # "": enough of it, or no limit
PERIODS: tuple[Period, ...] = ("month", "year")
VAT = {"display_name": "TVA/BTW", "percentage": 21, "inclusive": False, "country": "BE"}


@dataclass(frozen=True, slots=True)
class Plan:
    """`people`: for how many it is meant, None for any number. Soft: more are said to be too many, and nothing is closed."""

    code: str
    name: Any
    month: int
    year: int
    includes: Sequence[Any]
    people: int | None = None

    def cents(self, period: str) -> int:
        return self.year if period == "year" else self.month

    def room(self, people: int) -> Room:
        """How full it is: nearly, from four fifths of its people on, or too small for them."""
        if self.people is None:
            return ""
        return "over" if people > self.people else "near" if people * 5 >= self.people * 4 else ""

    def key(self, period: str) -> str:
        """By which the processor finds the price: one amount, one key."""
        return f"smoall-{self.code}-{period}-{self.cents(period)}"


PLANS = (
    Plan(
        "small",
        _("Small"),
        1200,
        12000,
        (_("Every module"), _("Meant for up to ten people"), _("Your own copies, whenever you like")),
        people=10,
    ),
    Plan(
        "company",
        _("Large"),
        1900,
        19000,
        (
            _("Everything of Small"),
            _("For any number of people"),
            _("Your questions are answered first"),
        ),
    ),
)
DEFAULT = PLANS[0]


class UnknownPlan(LookupError):
    """No plan of that name is sold."""


def plan(code: str) -> Plan:
    """Raises UnknownPlan."""
    for one in PLANS:
        if one.code == code:
            return one
    raise UnknownPlan(code)


def of_key(key: str) -> tuple[str, str]:
    """(plan, period) of a price's key, of one that is sold no more too; ("", "") for a price of somebody else's."""
    parts = key.split("-")
    if len(parts) == 4 and parts[0] == "smoall" and parts[2] in PERIODS:
        return parts[1], parts[2]
    return "", ""


def listed() -> list[prices.Price]:
    """For the website and the sign-up: reads no row and asks nobody."""
    return [prices.Price(one.name, one.month, one.includes, year_cents=one.year) for one in PLANS]


# --- the processor's copy -----------------------------------------------------------------------------------


def price_id(code: str, period: str) -> str:
    """The processor's price; copies the catalogue first when it isn't there. Raises UnknownPlan, gateway.Trouble."""
    wanted = plan(code).key(period)
    found = _prices([wanted])
    if wanted not in found:
        sync()
        found = _prices([wanted])
    return found[wanted]


def sync() -> int:
    """Copy products and prices to the processor; twice is once. How many were made or taken off. Raises gateway.Trouble."""
    changed = 0
    for one in PLANS:
        changed += _sync_product(one)
        known = dict(_active_prices(one))
        for period in PERIODS:
            if one.key(period) not in known:
                _create_price(one, period)
                changed += 1
        for key, id in known.items():
            if key not in {one.key(period) for period in PERIODS}:
                with talking():
                    gateway.client().v1.prices.update(id, params={"active": False})
                changed += 1
    return changed


def tax_rate_id() -> str:
    """Belgian VAT at the processor, made when it isn't there. Raises gateway.Trouble."""
    with talking():
        for rate in gateway.client().v1.tax_rates.list(params={"active": True, "limit": 100}).data:
            same = read("tax_rate", rate, "country") == VAT["country"] and not read(
                "tax_rate", rate, "inclusive"
            )
            if same and float(read("tax_rate", rate, "percentage")) == VAT["percentage"]:
                return str(read("tax_rate", rate, "id"))
        made = gateway.client().v1.tax_rates.create(params=VAT, options=once("tax-rate", "BE", 21))  # type: ignore[arg-type]
        return str(read("tax_rate", made, "id"))


def _product_id(one: Plan) -> str:
    return f"smoall_{one.code}"


def _sync_product(one: Plan) -> int:
    stripe, id = gateway.client(), _product_id(one)
    name = f"Smoall {one.code.title()}"
    try:
        with talking():
            found = stripe.v1.products.retrieve(id)
    except gateway.Missing:
        with talking():
            stripe.v1.products.create(params={"id": id, "name": name}, options=once("product", id))
        return 1
    if read("product", found, "name") == name:
        return 0
    with talking():
        stripe.v1.products.update(id, params={"name": name})
    return 1


def _active_prices(one: Plan) -> Iterator[tuple[str, str]]:
    with talking():
        found = gateway.client().v1.prices.list(
            params={"product": _product_id(one), "active": True, "limit": 100}
        )
    for price in found.data:
        yield str(read("price", price, "lookup_key") or ""), str(read("price", price, "id"))


def _prices(keys: list[str]) -> dict[str, str]:
    with talking():
        found = gateway.client().v1.prices.list(params={"lookup_keys": keys, "active": True})
    return {str(read("price", one, "lookup_key")): str(read("price", one, "id")) for one in found.data}


def _create_price(one: Plan, period: Period) -> str:
    key = one.key(period)
    with talking():
        made = gateway.client().v1.prices.create(
            params={
                "product": _product_id(one),
                "currency": CURRENCY,
                "unit_amount": one.cents(period),
                "recurring": {"interval": period},
                "lookup_key": key,
                "tax_behavior": "exclusive",
            },
            options=once("price", key),
        )
    return id_of("price", made, "id")
