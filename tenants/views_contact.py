"""The contact person's page on `app.`: what Smoall still holds after the data is gone, opened by a mailed link."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shared_apps.accounts.access import public


@public
def contact(request: HttpRequest, token: str) -> HttpResponse:
    return render(request, "tenants/contact/details.html")
