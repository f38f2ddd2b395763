"""Secrets that a fresh data folder makes for itself: the key that Django signs with, the database logins' passwords."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def secret_key(data: Path) -> str:
    """SMOALL_SECRET_KEY, else the key in the data folder, made once even when two processes start together."""
    if given := os.environ.get("SMOALL_SECRET_KEY"):
        return given
    path = data / "secret.key"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        draft = data / f".secret.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where the other process was first: its key stands
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def renew(data: Path) -> str:
    """Another key in the data folder from now on, for a copy that is neutralised; one that was given stays."""
    if not os.environ.get("SMOALL_SECRET_KEY"):
        (data / "secret.key").unlink(missing_ok=True)
    return secret_key(data)


def login_password(secret: str, login: str) -> str:
    """The password of a database login, derived so that no further secret has to be kept."""
    return derived(secret, f"database login {login}")


def derived(secret: str, what: str) -> str:
    """64 hexadecimal digits that follow from the deployment's secret and tell nothing about it."""
    return hmac.new(secret.encode(), what.encode(), hashlib.sha256).hexdigest()
