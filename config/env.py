"""Every setting that may come from the environment: its name, type, default and meaning, in one list.

`Env.read()` is called once, by settings.py; nothing else reads os.environ.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Process = Literal["web", "worker", "command"]


class BadSetting(ValueError):
    """An environment variable has a value that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Env:
    environment: Literal["development", "production"]  # SMOALL_ENV
    process: (
        Process  # SMOALL_PROCESS: web, worker or command; decides the database login and the outermost scope
    )
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
    files_bucket: str  # SMOALL_FILES_BUCKET: an S3 bucket for uploaded files; empty: files in SMOALL_DATA

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
        if process not in ("web", "worker", "command"):
            raise BadSetting(f"SMOALL_PROCESS is {process!r}: use web, worker or command.")
        port = os.environ.get("SMOALL_PORT", "" if environment == "production" else "8000")
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise BadSetting(f"SMOALL_PORT is {port!r}: use a port number.")
        erasures = _number("SMOALL_ERASURES_PER_DAY", "5")
        retention = _number("SMOALL_RETENTION_PER_DAY", "20")
        sign_up_mails = _number("SMOALL_SIGN_UP_MAILS_PER_HOUR", "200")
        pool_floor = _number("SMOALL_POOL_FLOOR", "3")
        pool_ceiling = _number("SMOALL_POOL_CEILING", "50")
        if pool_floor > pool_ceiling:
            raise BadSetting(f"SMOALL_POOL_FLOOR is {pool_floor}, above SMOALL_POOL_CEILING, {pool_ceiling}.")
        copies_days = os.environ.get("SMOALL_COPIES_DAYS", "7")
        if not (copies_days.isdigit() and int(copies_days) <= 7):
            raise BadSetting(f"SMOALL_COPIES_DAYS is {copies_days!r}: use 0 to 7, the policy's limit.")
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
            kill_at=os.environ.get("SMOALL_KILL_AT", "") if environment != "production" else "",
            erasures_per_day=erasures,
            retention_per_day=retention,
            sign_up_mails=sign_up_mails,
            pool_floor=pool_floor,
            pool_ceiling=pool_ceiling,
            fleet_at_start=_number("SMOALL_FLEET_AT_START", "50"),
            copies_days=int(copies_days),
            web=os.environ.get("SMOALL_WEB") or f"http://127.0.0.1:{port or 8000}",
            files_bucket=os.environ.get("SMOALL_FILES_BUCKET", ""),
        )


def _number(name: str, default: str) -> int:
    """Raises BadSetting for anything but a number that somebody may mean."""
    given = os.environ.get(name, default)
    if not (given.isdigit() and len(given) < 6):
        raise BadSetting(f"{name} is {given!r}: use a number, 0 for none.")
    return int(given)
