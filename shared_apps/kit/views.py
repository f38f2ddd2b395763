"""Answers that belong to no module: a form that came too late or from elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: expired session, blocked cookies, or another site. 403, nothing was changed."""
    return render(request, "403_csrf.html", status=403)
