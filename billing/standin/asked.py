"""What is asked of the interface: parameters, each of which must be read by somebody; addresses; errors in its shapes."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from billing.standin.store import Thing, World

Handler = Callable[..., Thing]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


class Refused(Exception):
    """An answer of the interface that is an error. `keeps`: what was written until then stays, as after a declined card."""

    def __init__(
        self, message: str, *, param: str = "", code: str = "", status: int = 400, type: str = "invalid_request_error",
        keeps: bool = False, **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.keeps = status, keeps
        error = {"type": type, "message": message, "code": code, "param": param} | more
        self.body = {"error": {key: value for key, value in error.items() if value not in ("", None)}}


def declined(code: str, decline_code: str, **more: Any) -> Refused:
    messages = {
        "card_declined": "Your card was declined.",
        "expired_card": "Your card has expired.",
        "incorrect_cvc": "Your card's security code is incorrect.",
        "authentication_required": "Your card was declined. This transaction requires authentication.",
    }
    message = messages.get(code, "The payment failed.")
    if decline_code == "insufficient_funds":
        message = "Your card has insufficient funds."
    return Refused(
        message, type="card_error", code=code, decline_code=decline_code, status=402, keeps=True, **more
    )


def missing(kind: str, id: str, param: str = "id", status: int = 404) -> Refused:
    return Refused(f"No such {kind}: '{id}'", code="resource_missing", param=param, status=status)


def route(method: str, address: str) -> Callable[[Handler], Handler]:
    """`@route("POST", "/v1/customers/{id}")`: the function gets the world, the parameters and the ids."""
    pattern = re.compile(re.sub(r"{\w+}", r"([^/]+)", address) + r"/?\Z")

    def register(handler: Handler) -> Handler:
        ROUTES.append((method, pattern, handler))
        return handler

    return register


class Asked:
    """Parameters of a request: `a[b][0]=1` is `asked.inner("a").members("b")`. Whatever nobody reads is refused."""

    def __init__(self, values: dict[str, Any], where: str = "") -> None:
        self._values, self._where = values, where
        self._read: set[str] = set()
        self._inner: list[Asked] = []

    @classmethod
    def of(cls, body: str) -> "Asked":
        values: dict[str, Any] = {}
        for name, value in parse_qsl(body, keep_blank_values=True):
            keys = [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)]
            place = values
            for key in keys[:-1]:
                place = place.setdefault(key or str(len(place)), {})
                if not isinstance(place, dict):
                    raise Refused(f"Invalid parameter: {name}", param=name)
            place[keys[-1] or str(len(place))] = value
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def path(self, name: str) -> str:
        return f"{self._where}[{name}]" if self._where else name

    def ignore(self, *names: str) -> None:
        """Read them and do nothing: what they ask for is so anyway, or makes no difference here."""
        self._read |= set(names)

    def text(self, name: str, default: str | None = None) -> str | None:
        """None for an empty text, which unsets."""
        self._read.add(name)
        value = self._values.get(name, default)
        if isinstance(value, dict):
            raise Refused(f"Invalid string: {self.path(name)}", param=self.path(name))
        return value or None

    def need(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            path = self.path(name)
            raise Refused(f"Missing required param: {path}.", param=path, code="parameter_missing")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name) or default
        if value not in choices:
            path = self.path(name)
            raise Refused(f"Invalid {path}: must be one of {', '.join(choices)}", param=path)
        return value

    def number(self, name: str, default: int | None = None) -> int | None:
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"-?\d{1,12}", value):
            path = self.path(name)
            raise Refused(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
        return int(value)

    def decimal(self, name: str) -> float | None:
        value = self.text(name)
        if value is not None and not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value):
            raise Refused(
                f"Invalid decimal: {value}", param=self.path(name), code="parameter_invalid_decimal"
            )
        return None if value is None else float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise Refused(f"Invalid boolean: {value}", param=self.path(name))
        return default if value is None else value == "true"

    def inner(self, name: str) -> "Asked":
        """Empty when it was not given."""
        self._read.add(name)
        value = self._values.get(name)
        inner = Asked(value if isinstance(value, dict) else {}, self.path(name))
        self._inner.append(inner)
        return inner

    def members(self, name: str) -> list["Asked"]:
        self._read.add(name)
        value = self._values.get(name)
        given = value.items() if isinstance(value, dict) else ()
        found = [
            Asked(one if isinstance(one, dict) else {"": one}, f"{self.path(name)}[{n}]") for n, one in given
        ]
        self._inner += found
        return found

    def texts(self, name: str) -> list[str]:
        found = self.members(name)
        return [text for one in found if (text := one.text(""))]

    def taken(self) -> dict[str, Any]:
        """All of it, to be asked for by an `Asked` of its own later: whoever does that refuses what is unread."""
        self._read |= set(self._values)
        return dict(self._values)

    def metadata(self, before: dict[str, str] | None = None) -> dict[str, str]:
        self._read.add("metadata")
        given = self._values.get("metadata")
        if given == "":
            return {}
        merged = dict(before or {}) | (given if isinstance(given, dict) else {})
        return {key: value for key, value in merged.items() if value != ""}

    def unread(self) -> Iterator[str]:
        yield from (self.path(name) for name in self._values if name not in self._read)
        for inner in self._inner:
            yield from inner.unread()

    def refuse_unread(self) -> None:
        if names := list(self.unread()):
            raise Refused(f"Received unknown parameter: {names[0]}", param=names[0], code="parameter_unknown")


# What each kind of list can be asked for, by fields that must be equal; where that is not the field of that name, its path.
FILTERS: dict[str, str] = {
    "balance_transaction": "payout source type",
    "charge": "customer payment_intent",
    "checkout.session": "customer payment_intent status subscription",
    "credit_note": "customer invoice",
    "customer": "email test_clock",
    "dispute": "charge payment_intent",
    "event": "type",
    "invoice": "collection_method customer status subscription",
    "invoice_payment": "invoice status",
    "invoiceitem": "customer invoice",
    "payment_intent": "customer",
    "payment_method": "customer type",
    "payout": "status",
    "price": "active product type",
    "product": "active",
    "promotion_code": "active code customer",
    "refund": "charge payment_intent",
    "setup_intent": "customer payment_method",
    "subscription": "collection_method customer status test_clock",
    "tax_rate": "active inclusive",
}
PATHS = {
    ("balance_transaction", "payout"): "_payout",
    ("invoice", "subscription"): "parent.subscription_details.subscription",
}


def page(world: World, asked: Asked, kind: str, url: str, **fixed: Any) -> Thing:
    """A list as the interface pages it: newest first, `limit`, `starting_after`, `ending_before`, `created`, equal fields."""
    limit = asked.number("limit", 10)
    if limit is None or not 1 <= limit <= 100:
        raise Refused("Invalid limit: must be between 1 and 100", param="limit")
    where = ["kind = ?", "body ->> '$.deleted' IS NULL"]
    values: list[Any] = [kind]
    wanted = dict(fixed)
    for name in FILTERS.get(kind, "").split():
        if name in asked and name not in fixed:
            wanted[PATHS.get((kind, name), name)] = asked.text(name)
    for name, value in wanted.items():
        if name == "status" and value == "all":
            continue
        if value in ("true", "false"):
            value = int(value == "true")
        where.append(f"body ->> '$.{name}' = ?")
        values.append(value)
    if kind == "subscription" and "status" not in wanted:
        where.append("body ->> '$.status' NOT IN ('canceled', 'incomplete_expired')")
    for name, field in (("lookup_keys", "lookup_key"), ("types", "type")):
        if texts := asked.texts(name):
            where.append(f"body ->> '$.{field}' IN ({', '.join('?' * len(texts))})")
            values += texts
    created = asked.inner("created")
    for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        if name in created:
            where.append(f"created {sign} ?")
            values.append(created.number(name))
    backwards = "ending_before" in asked
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if id := asked.text(name):
            found = world.sql("SELECT seq FROM object WHERE id = ? AND kind = ?", id, kind)
            if not found:
                raise missing(kind, id, name, 400)
            where.append(f"seq {sign} ?")
            values.append(found[0][0])
    order = "seq" if backwards else "seq DESC"
    statement = f"SELECT id FROM object WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {limit + 1}"  # noqa: S608
    ids = [id for (id,) in world.sql(statement, *values)]
    data = [world.get(kind, id) for id in ids[:limit]]
    return {
        "object": "list",
        "data": data[::-1] if backwards else data,
        "has_more": len(ids) > limit,
        "url": url,
    }
