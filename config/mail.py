"""How mail leaves: by a provider or by SMTP where the settings say so, else into files that a development page shows."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.env import BadSetting, Env

# Those that can be told with each mail to put no pixel into it and to leave its links alone (P33).
PROVIDERS = {
    "mailgun": "anymail.backends.mailgun.EmailBackend",
    "mailjet": "anymail.backends.mailjet.EmailBackend",
    "postmark": "anymail.backends.postmark.EmailBackend",
}
TIMEOUT = 20  # seconds


def email_settings(env: Env) -> dict[str, Any]:
    """Django's EMAIL_* settings, and anymail's. Raises BadSetting for an unknown provider or what is no smtp:// URL."""
    common = {"DEFAULT_FROM_EMAIL": env.mail_from, "SERVER_EMAIL": env.mail_from, "EMAIL_TIMEOUT": TIMEOUT}
    if env.mail_provider:
        return common | _by_provider(env)
    if not env.email_url:
        if env.is_production:
            raise BadSetting(
                "SMOALL_SMTP is empty: production needs smtp://user:password@host:port/?tls=1, or SMOALL_MAIL_PROVIDER"
            )
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


def _by_provider(env: Env) -> dict[str, Any]:
    if env.mail_provider not in PROVIDERS:
        raise BadSetting(f"SMOALL_MAIL_PROVIDER is {env.mail_provider!r}: use {', '.join(PROVIDERS)}.")
    if env.email_url:
        raise BadSetting("SMOALL_SMTP and SMOALL_MAIL_PROVIDER are both set: mails leave by one of them.")
    return {
        "EMAIL_BACKEND": PROVIDERS[env.mail_provider],
        "ANYMAIL": {
            **_keys(env.mail_provider, env.mail_key),
            "REQUESTS_TIMEOUT": TIMEOUT,
            "SEND_DEFAULTS": {"track_opens": False, "track_clicks": False},
        },
    }


def _keys(provider: str, key: str) -> dict[str, str]:
    """The provider's own settings from the one key. Mailgun in its European region."""
    first, _, second = key.partition(":" if provider == "mailjet" else "@")
    if not first or (provider != "postmark" and not second):
        raise BadSetting("SMOALL_MAIL_KEY is missing or incomplete: mailjet key:secret, mailgun key@domain.")
    if provider == "mailjet":
        return {"MAILJET_API_KEY": first, "MAILJET_SECRET_KEY": second}
    if provider == "mailgun":
        return {
            "MAILGUN_API_KEY": first, "MAILGUN_SENDER_DOMAIN": second,
            "MAILGUN_API_URL": "https://api.eu.mailgun.net/v3",
        }  # fmt: skip
    return {"POSTMARK_SERVER_TOKEN": key}
