"""The settings that may come from the environment: name, type, default and meaning, in one list.

`Env.read()` is called once a process, by settings.py or payments.py. Elsewhere are only what the web server is started
with (web.py: SMOALL_BIND, SMOALL_WEB_WORKERS, SMOALL_WEB_THREADS, SMOALL_PROXIES) and keys, which stand in no list
(secrets.py: SMOALL_SECRET_KEY; tenants/keys.py: SMOALL_MASTER_KEY, SMOALL_MASTER_KEY_FILE). The supervisor reads what it
needs before there are settings.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHORTEST_KEY = 32  # characters of a secret key
Process = Literal["web", "worker", "command", "payments"]  # payments: the stand-in, which has no database
EXAMPLE_VAT = "BE0999999922"  # nobody's: for development alone
EXAMPLE_IBAN = "BE68539007547034"


class BadSetting(ValueError):
    """An environment variable has a value that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Env:
    environment: Literal["development", "production"]  # SMOALL_ENV
    process: Process  # SMOALL_PROCESS: web, worker, command, payments; decides the database login and the outermost scope
    data: Path  # SMOALL_DATA: the folder of everything that is not in the database
    domain: str  # SMOALL_DOMAIN: the registered domain below which every host stands, without port
    port: int | None  # SMOALL_PORT: shown in links when it is neither 80 nor 443 (development)
    database_url: (
        str  # DATABASE_URL: a login that may create roles; empty: the embedded server in SMOALL_DATA
    )
    email_url: (
        str  # SMOALL_SMTP: smtp://user:password@host:587/?tls=1; empty: mails are kept as files and shown
    )
    mail_provider: str  # SMOALL_MAIL_PROVIDER: mailgun, mailjet or postmark, by its interface instead of SMTP; empty: SMTP
    mail_key: str  # SMOALL_MAIL_KEY: the provider's key; mailjet: key:secret; mailgun: key@the sending domain
    mail_from: str  # SMOALL_MAIL_FROM
    old_secret_keys: tuple[
        str, ...
    ]  # SMOALL_OLD_SECRET_KEYS: those that SMOALL_SECRET_KEY replaced, with spaces between, the newest first
    kill_at: str  # SMOALL_KILL_AT: where a crash test wants this process to die, "kind:step:when"; never in production
    erasures_per_day: int  # SMOALL_ERASURES_PER_DAY: how many clients operators may have erased in 24 hours
    retention_per_day: (
        int  # SMOALL_RETENTION_PER_DAY: how many due erasures the schedule may begin in 24 hours
    )
    sign_up_mails: int  # SMOALL_SIGN_UP_MAILS_PER_HOUR: how many mails the public forms of app. may send to strangers in an hour
    pool_floor: int  # SMOALL_POOL_FLOOR: how many ready schemas wait for new clients at least; 0 with a ceiling of 0: none
    pool_ceiling: int  # SMOALL_POOL_CEILING: and at most, however many workspaces were opened within a day
    fleet_at_start: int  # SMOALL_FLEET_AT_START: how many workspaces `prepare` itself migrates; more are for migrate_fleet
    copies_days: int  # SMOALL_COPIES_DAYS: how long copies of the database server's files are kept, volume snapshots too
    web: str  # SMOALL_WEB: where the worker reaches the web process, to ask its pages as a stranger would (promises)
    in_container: (
        bool  # SMOALL_IN_CONTAINER: set by the image, whose sockets say nothing of the machine's doors
    )
    stripe_key: (
        str  # SMOALL_STRIPE_KEY: the payment processor's secret key; empty: the stand-in, not in production
    )
    stripe_webhook_secret: str  # SMOALL_STRIPE_WEBHOOK_SECRET: what the processor signs its messages with
    stripe_api: str  # SMOALL_STRIPE_API: where the stand-in answers; without meaning when there is a key
    seller_vat: (
        str  # SMOALL_SELLER_VAT: the VAT number on Smoall's own invoices; production issues none without it
    )
    seller_iban: (
        str  # SMOALL_SELLER_IBAN: the account for clients who pay by transfer; empty: no transfer is offered
    )

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @classmethod
    def read(cls) -> "Env":
        domain = os.environ.get("SMOALL_DOMAIN", "smoall.localhost").strip(".").lower()
        environment = os.environ.get("SMOALL_ENV", "development")
        if environment not in ("development", "production"):
            raise BadSetting(f"SMOALL_ENV is {environment!r}: use development or production.")
        process = os.environ.get("SMOALL_PROCESS", "command")
        if process not in ("web", "worker", "command", "payments"):
            raise BadSetting(f"SMOALL_PROCESS is {process!r}: use web, worker, command or payments.")
        port = os.environ.get("SMOALL_PORT", "" if environment == "production" else "8000")
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise BadSetting(f"SMOALL_PORT is {port!r}: use a port number.")
        erasures = _number("SMOALL_ERASURES_PER_DAY", "5")
        retention = _number("SMOALL_RETENTION_PER_DAY", "20")
        sign_up_mails = _number("SMOALL_SIGN_UP_MAILS_PER_HOUR", "200")
        old_keys = tuple(os.environ.get("SMOALL_OLD_SECRET_KEYS", "").split())
        if any(
            len(key) < SHORTEST_KEY for key in old_keys
        ):  # never the key itself: this message is read by many
            raise BadSetting(f"SMOALL_OLD_SECRET_KEYS: each has at least {SHORTEST_KEY} characters.")
        pool_floor = _number("SMOALL_POOL_FLOOR", "3")
        pool_ceiling = _number("SMOALL_POOL_CEILING", "50")
        if pool_floor > pool_ceiling:
            raise BadSetting(f"SMOALL_POOL_FLOOR is {pool_floor}, above SMOALL_POOL_CEILING, {pool_ceiling}.")
        copies_days = os.environ.get("SMOALL_COPIES_DAYS", "7")
        if not (copies_days.isdigit() and int(copies_days) <= 7):
            raise BadSetting(f"SMOALL_COPIES_DAYS is {copies_days!r}: use 0 to 7, the policy's limit.")
        stripe_key = os.environ.get("SMOALL_STRIPE_KEY", "")
        stripe_webhook_secret = os.environ.get("SMOALL_STRIPE_WEBHOOK_SECRET", "")
        if bool(stripe_key) != bool(stripe_webhook_secret):
            raise BadSetting(
                "SMOALL_STRIPE_KEY and SMOALL_STRIPE_WEBHOOK_SECRET go together: set both or none."
            )
        return cls(
            environment=environment,  # type: ignore[arg-type]
            process=process,  # type: ignore[arg-type]
            data=Path(
                os.environ.get("SMOALL_DATA") or Path(__file__).resolve().parent.parent / "var"
            ).absolute(),
            domain=domain,
            port=int(port) if port else None,
            database_url=os.environ.get("DATABASE_URL", ""),
            email_url=os.environ.get("SMOALL_SMTP", ""),
            mail_provider=os.environ.get("SMOALL_MAIL_PROVIDER", ""),
            mail_key=os.environ.get("SMOALL_MAIL_KEY", ""),
            mail_from=os.environ.get("SMOALL_MAIL_FROM", f"Smoall <support@{domain}>"),
            old_secret_keys=old_keys,
            kill_at=os.environ.get("SMOALL_KILL_AT", "") if environment != "production" else "",
            erasures_per_day=erasures,
            retention_per_day=retention,
            sign_up_mails=sign_up_mails,
            pool_floor=pool_floor,
            pool_ceiling=pool_ceiling,
            fleet_at_start=_number("SMOALL_FLEET_AT_START", "50"),
            copies_days=int(copies_days),
            web=os.environ.get("SMOALL_WEB") or f"http://127.0.0.1:{port or 8000}",
            in_container=bool(os.environ.get("SMOALL_IN_CONTAINER")),
            stripe_key=stripe_key,
            stripe_webhook_secret=stripe_webhook_secret,
            stripe_api=os.environ.get("SMOALL_STRIPE_API", ""),
            seller_vat=os.environ.get(
                "SMOALL_SELLER_VAT", EXAMPLE_VAT if environment != "production" else ""
            ),
            seller_iban=os.environ.get(
                "SMOALL_SELLER_IBAN", EXAMPLE_IBAN if environment != "production" else ""
            ),
        )


def _number(name: str, default: str) -> int:
    """Raises BadSetting for anything but a number that somebody may mean."""
    given = os.environ.get(name, default)
    if not (given.isdigit() and len(given) < 6):
        raise BadSetting(f"{name} is {given!r}: use a number, 0 for none.")
    return int(given)
