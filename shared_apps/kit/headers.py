"""Headers that every answer carries, by the kind of its host (P11, P12). Cookies are in cookies.py."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from shared_apps.kit import hosts

# What a browser could tell about a person or their surroundings, or do in their name: no page of ours asks for it.
DENIED = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope",
    "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment", "serial", "usb",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{feature}=()" for feature in DENIED)
ROBOTS = {"website": "noarchive", "application": "noindex, nofollow, noarchive"}


class HeadersMiddleware:
    """Robots, caching and permissions. Outside all that may answer: a redirect or a refusal carries them too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        kind = hosts.kind_of(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        response.headers["X-Robots-Tag"] = ROBOTS[kind]
        if kind == "application" and not request.path.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = "no-store"
        return response
