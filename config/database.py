"""Where the database is and as whom each kind of process logs in."""

from typing import Any
from urllib.parse import unquote, urlsplit

from config import embedded_postgres
from config.env import BadSetting, Env
from config.secrets import login_password

LOGINS = {"web": "smoall_web", "worker": "smoall_worker", "command": "smoall_worker"}
UPKEEP = "smoall_upkeep"  # beside them, for what is done to the server's files after an erasure (tenants/physical.py)


def admin_url(env: Env) -> str:
    """A login that may create roles and databases: DATABASE_URL, else the embedded server's superuser.

    Raises ServerError when neither is there.
    """
    return env.database_url or embedded_postgres.admin_url(env.data)


def databases(env: Env, secret: str) -> dict[str, Any]:
    """Django's DATABASES. The login is the process's own (`LOGINS`), never the administrator's.

    Raises BadSetting for a DATABASE_URL that names no server. Without DATABASE_URL and before the embedded
    server's first start there is no address yet: the port is then empty and a connection fails.
    """
    is_there = env.database_url or embedded_postgres.is_made(env.data)
    url = urlsplit(admin_url(env)) if is_there else None
    if url and (url.scheme not in ("postgres", "postgresql") or not url.hostname):
        raise BadSetting("DATABASE_URL must look like postgresql://user:password@host:port/database")
    login = LOGINS[env.process]
    return {
        "default": {
            "ENGINE": "tenants.postgresql",
            "NAME": database_name(env),
            "HOST": url.hostname if url else "127.0.0.1",
            "PORT": (url.port or 5432) if url else 1,
            "USER": login,
            "PASSWORD": login_password(secret, login),
            "CONN_MAX_AGE": 0 if env.process == "command" else 60,
            "CONN_HEALTH_CHECKS": True,
            "ATOMIC_REQUESTS": False,
            "OPTIONS": {"application_name": f"smoall-{env.process}", "connect_timeout": 5},
        }
    }


def database_name(env: Env) -> str:
    """The database in DATABASE_URL; "smoall" on the embedded server."""
    return (unquote(urlsplit(env.database_url).path.lstrip("/")) if env.database_url else "") or "smoall"
