"""The servers that belong to the deployment itself: every process may connect to them, wherever they stand."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from config.env import Env
from shared_apps.kit.outgoing import Destination


def servers(env: Env, database: dict[str, Any], mail: dict[str, Any]) -> Iterable[Destination]:
    """Database, mail server, the web process, and the payment processor's stand-in.

    Loopback is always allowed. The payment processor itself is none of ours: it is reached as a verified partner.
    """
    return tuple(_servers(env, database, mail))


def _servers(env: Env, database: dict[str, Any], mail: dict[str, Any]) -> Iterator[Destination]:
    yield Destination(str(database["HOST"]).lower(), database["PORT"], is_ours=True)
    if host := mail.get("EMAIL_HOST"):
        yield Destination(str(host).lower(), mail["EMAIL_PORT"], is_ours=True)
    standin = urlsplit("" if env.is_production or env.stripe_key else env.stripe_api)
    if standin.hostname:
        yield Destination(standin.hostname, standin.port or 80, is_ours=True)
    web = urlsplit(env.web)
    if web.hostname:
        yield Destination(web.hostname, web.port or (443 if web.scheme == "https" else 80), is_ours=True)
