"""How mail leaves: by SMTP where SMOALL_SMTP says so, else into files that a development page shows."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.env import BadSetting, Env


def email_settings(env: Env) -> dict[str, Any]:
    """Django's EMAIL_* settings. Raises BadSetting for an address that is no smtp:// URL."""
    common = {"DEFAULT_FROM_EMAIL": env.mail_from, "SERVER_EMAIL": env.mail_from, "EMAIL_TIMEOUT": 20}
    if not env.email_url:
        if env.is_production:
            raise BadSetting("SMOALL_SMTP is empty: production needs smtp://user:password@host:port/?tls=1")
        return common | {"EMAIL_BACKEND": "shared_apps.mail.backend.FolderBackend"}
    url = urlsplit(env.email_url)
    if url.scheme != "smtp" or not url.hostname:
        raise BadSetting("SMOALL_SMTP must look like smtp://user:password@host:port/?tls=1")
    return common | {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or 25,
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_TLS": parse_qs(url.query).get("tls") == ["1"],
    }
