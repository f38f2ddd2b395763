"""The addresses of hosts below the domain, for links in mails and for leading from one host to another."""

from django.conf import settings


def host_url(label: str) -> str:
    """The address of a host below the domain, without a path: http://acme.smoall.localhost:8000."""
    scheme = "https" if settings.SMOALL_IS_PRODUCTION else "http"
    port = f":{settings.SMOALL_PORT}" if settings.SMOALL_PORT not in (None, 80, 443) else ""
    return f"{scheme}://{label}{'.' if label else ''}{settings.SMOALL_DOMAIN}{port}"
