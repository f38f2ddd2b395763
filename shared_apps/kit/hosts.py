"""The addresses of hosts below the domain, for links in mails and for leading from one host to another."""

from typing import Literal

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

Kind = Literal["website", "application"]


def host_url(label: str) -> str:
    """The address of a host below the domain, without a path: http://acme.smoall.localhost:8000."""
    scheme = "https" if settings.SMOALL_IS_PRODUCTION else "http"
    port = f":{settings.SMOALL_PORT}" if settings.SMOALL_PORT not in (None, 80, 443) else ""
    return f"{scheme}://{label}{'.' if label else ''}{settings.SMOALL_DOMAIN}{port}"


def kind_of(request: HttpRequest) -> Kind:
    """What the request's host is; one that is none of ours counts as the application, which says less."""
    try:
        name = request.get_host().rsplit(":", 1)[0].lower().rstrip(".")
    except DisallowedHost:
        return "application"
    return "website" if name in (settings.SMOALL_DOMAIN, f"www.{settings.SMOALL_DOMAIN}") else "application"
