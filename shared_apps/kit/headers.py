"""Headers that every answer carries, and the register of cookies outside which none leaves (P08–P12)."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

PERMISSIONS = "geolocation=(), camera=(), microphone=(), interest-cohort=()"
Answer = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True, slots=True)
class Cookie:
    name: str
    host: str  # "website" or "application"
    lifetime: int  # seconds
    since: str  # the release that added it


COOKIES = (
    Cookie("language", "website", 365 * 24 * 3600, "0.1.0"),
    Cookie("language", "application", 365 * 24 * 3600, "0.1.0"),
    Cookie("__Host-session", "application", settings.SESSION_COOKIE_AGE, "0.1.0"),
)


class HeadersMiddleware:
    """Robots, caching and permissions by host; strips cookies that the register does not name."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        host = _host(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        if host == "website":
            response.headers["X-Robots-Tag"] = "noarchive"
        else:
            response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
            if not request.path.startswith(settings.STATIC_URL):
                response.headers["Cache-Control"] = "no-store"
        allowed = {cookie.name for cookie in COOKIES if cookie.host == host}
        for name in [name for name in response.cookies if name not in allowed]:
            del response.cookies[name]
        return response


def _host(request: HttpRequest) -> str:
    """ "website" or "application"; a host that is none of ours counts as the application, which says less."""
    try:
        name = request.get_host().rsplit(":", 1)[0].lower().rstrip(".")
    except DisallowedHost:
        return "application"
    return "website" if name in (settings.SMOALL_DOMAIN, f"www.{settings.SMOALL_DOMAIN}") else "application"
