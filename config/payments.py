"""Which payment processor this deployment has: Stripe by its keys or, while developing, the stand-in that runs beside it.

`python -m config.payments` is the stand-in's process. It knows the data folder and no Django.
"""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from billing.standin import HOST, Place
from config.env import BadSetting, Env
from config.secrets import derived, secret_key

STRIPE = "https://api.stripe.com"
STRIPE_PAGES = ["https://checkout.stripe.com", "https://billing.stripe.com", "https://invoice.stripe.com"]


def processor(env: Env, secret: str) -> tuple[str, str, str, list[str]]:
    """Key, webhook secret, base address, and the origins of the pages that people are led to; empty keys: there is none."""
    if env.stripe_key:
        return env.stripe_key, env.stripe_webhook_secret, STRIPE, STRIPE_PAGES
    if env.is_production:
        return "", "", STRIPE, STRIPE_PAGES
    api = env.stripe_api or f"http://127.0.0.1:{remembered_port(env.data) or (env.port or 8000) + 1}"
    key, webhook_secret = _keys(secret)
    return key, webhook_secret, api, [f"http://{HOST}:{urlsplit(api).port}"]


def remembered_port(data: Path) -> int | None:
    """Where the stand-in answered last time."""
    try:
        port = json.loads((data / "payments" / "address.json").read_text())["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) else None


def place(env: Env) -> Place:
    """Everything that the stand-in is told. Raises BadSetting in production."""
    if env.is_production:
        raise BadSetting(
            "The stand-in for the payment operator moves no money and does not run in production: "
            "set SMOALL_STRIPE_KEY and SMOALL_STRIPE_WEBHOOK_SECRET."
        )
    key, webhook_secret, api, _ = processor(env, secret_key(env.data))
    port = f":{env.port}" if env.port else ""
    return Place(
        folder=env.data / "payments",
        key=key,
        webhook_secret=webhook_secret,
        port=urlsplit(api).port or 0,
        webhook_url=f"{env.web}/billing/events/",
        webhook_host=f"app.{env.domain}{port}",
    )


def _keys(secret: str) -> tuple[str, str]:
    return (
        f"sk_test_{derived(secret, 'stand-in key')[:40]}",
        f"whsec_{derived(secret, 'stand-in webhooks')[:40]}",
    )


def main() -> int:
    from billing.standin.server import serve

    try:
        serve(place(Env.read()))
    except (BadSetting, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
