"""The one door to the payment operator: Stripe's own library, or the same library talking to the stand-in (billing/standin).

Read what it sends by `read` and `id_of` alone, with the object's kind and the path as literals:

    read("invoice", invoice, "status_transitions.paid_at")        a value; None where something on the way is None
    read("invoice", invoice, "lines.data")                        a list; read each member by its own kind, "line_item"
    rows("invoice", invoice, "total_taxes", "amount", "taxability_reason")   tuples of a list's members that have no kind
    id_of("charge", charge, "payment_intent")                     the id, whether the field came expanded or not; "" for none

tests/billing/test_conformity.py finds these calls and holds every path against the library's typed resources, so that
a field that the pinned version does not have fails the suite; it also refuses paths that lead to a card (P15), and any
other way into the first argument of a function decorated by `@projects`. In tests a field that the answer lacks raises
`Unexpected` too: fields that come only when asked for (`expand`) must be asked for.

Writing: `client().v1.customers.create(params={…}, options=once("customer", account.pk))`. Wrap calls in `with talking():`,
which turns the library's errors into `Unreachable`, `Declined` and `Misunderstood`, each with a sentence for people.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

import stripe
from csp.decorators import csp_replace
from django.conf import settings
from django.utils.translation import gettext_lazy as _

View = TypeVar("View", bound=Callable[..., Any])
VERSION = "2026-10-28.endive"  # of the processor's interface; raised together with the library, after reading what changed
TIMEOUT = (5.0, 20.0)  # seconds to connect, and between two bytes of the answer
RETRIES = 2  # by the library, after connection errors and 409, 5xx; safe since every write carries a key
TOLERANCE = 300  # seconds that a webhook's signature may be old

# Else it writes an identifier of this machine into a home folder and sends it, the platform and times with each call.
stripe.enable_telemetry = False


class Trouble(Exception):
    """Something between us and the processor; `str()` is a sentence for people."""


class NotConfigured(Trouble):
    """A production deployment without keys: billing refuses, the rest of Smoall works."""


class Unreachable(Trouble):
    """No answer, or one that says later: nothing is known to have happened; the same call with the same key may be repeated."""


class Declined(Trouble):
    """The payment was refused. `code` is the processor's word for why, never a card's detail."""

    def __init__(self, message: Any, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Missing(Trouble):
    """The processor does not have this object (any more)."""


class Misunderstood(Trouble):
    """We asked for something that the processor refuses: a fault of ours or of its configuration."""


class Unexpected(Trouble):
    """An answer that is not shaped as the pinned version says."""


def is_configured() -> bool:
    """Whether there is a processor to talk to: Stripe by its keys or, in development, the stand-in."""
    return bool(settings.STRIPE_KEY and settings.STRIPE_WEBHOOK_SECRET)


def client() -> stripe.StripeClient:
    """The processor, at the pinned version. Raises NotConfigured."""
    if not is_configured():
        raise NotConfigured(
            _(
                "Billing needs SMOALL_STRIPE_KEY and SMOALL_STRIPE_WEBHOOK_SECRET in production; "
                "everything else works without them."
            )
        )
    return _client(settings.STRIPE_KEY, settings.STRIPE_API)


@cache
def _client(key: str, api: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=VERSION,
        base_addresses={"api": api, "connect": api, "files": api, "meter_events": api},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


def once(*parts: object) -> Any:
    """Request options with an idempotency key made of `parts`, which must name this very write: who, what, which time."""
    key = "smoall:" + ":".join(str(part) for part in parts)
    if len(key) > 255:
        raise ValueError("an idempotency key has 255 characters at most")
    return {"idempotency_key": key}


@contextmanager
def talking() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except stripe.CardError as error:
        code = (error.error and error.error.decline_code) or error.code or ""
        raise Declined(_("The payment was declined."), str(code)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise Unreachable(
            _("The payment operator does not answer now. Nothing was lost; try again in a moment.")
        ) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Misunderstood(_("The payment operator refuses our key: look at SMOALL_STRIPE_KEY.")) from error
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise Missing(_("The payment operator does not know this any more.")) from error
        raise Misunderstood(_said(error)) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500:
            raise Unreachable(_("The payment operator has a problem of its own: try again later.")) from error
        raise Misunderstood(_said(error)) from error


def _said(error: stripe.StripeError) -> str:
    sentence = _("The payment operator refused the request: %(said)s")
    return str(sentence) % {"said": error.user_message or error.code or type(error).__name__}


# --- reading ------------------------------------------------------------------------------------------------


def read(kind: str, thing: Any, path: str) -> Any:
    """The value at `path` of an object of that kind; None where something on the way is None.

    Lists and nested objects come as they are. Raises Unexpected for another kind, or a field that is not there.
    """
    if _field(thing, "object", path) != kind:
        raise Unexpected(f"expected {kind}, got {_field(thing, 'object', path)}")
    return _down(thing, path, kind)


def id_of(kind: str, thing: Any, path: str) -> str:
    """The id of what a field refers to, expanded or not; "" for none."""
    found = read(kind, thing, path)
    return str(found if isinstance(found, str) else _field(found, "id", path)) if found else ""


def noted(kind: str, thing: Any, name: str) -> str:
    """What we wrote beside an object there (its metadata); "" for nothing."""
    try:
        return str(read(kind, thing, "metadata")[name])
    except (KeyError, TypeError):
        return ""


def rows(kind: str, thing: Any, path: str, *fields: str) -> list[tuple[Any, ...]]:
    """The members of the list at `path`, each as a tuple of its fields (paths too); empty where there is no list."""
    found = []
    for member in read(kind, thing, path) or []:
        found.append(tuple(_down(member, field, f"{kind}.{path}") for field in fields))
    return found


def _down(thing: Any, path: str, where: str) -> Any:
    for name in path.split("."):
        if thing is None:
            return None
        thing = _field(thing, name, f"{where}.{path}")
    return thing


def _field(thing: Any, name: str, path: str) -> Any:
    try:
        return thing[name]
    except (KeyError, TypeError):
        raise Unexpected(f"{path}: there is no {name}") from None


def plain(thing: Any) -> Mapping[str, Any]:
    """A StripeObject as dictionaries and lists, all the way down. For tests and for lists of ours; never to be stored."""
    return thing if isinstance(thing, Mapping) else dict(thing.to_dict())


# --- the hosted pages ---------------------------------------------------------------------------------------


def hosted(view: View) -> View:
    """For a view whose form leads on to the processor's hosted pages: its policy names them, and nothing but them (P25)."""
    policy: Any = csp_replace({"form-action": ["'self'", *settings.STRIPE_PAGES]})
    return cast(View, policy(view))
