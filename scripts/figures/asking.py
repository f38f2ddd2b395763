"""Requests, asked for inside a side's process at its WSGI handler: no socket, no test client, nothing but the product.

`lean`: the tenancy's middleware alone around a view with three indexed queries. `whole`: every middleware.
"""

import time
from datetime import timedelta
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.test import Client, override_settings
from django.urls import path
from django.utils import timezone

from config import urls_tenant
from shared_apps.accounts.access import public
from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from shared_apps.legal import documents
from tenant_apps.contacts.models import Contact

EMAIL, PASSWORD = "owner@figures.test", "correct horse battery"
TENANCY = ["tenants.middleware.HostMiddleware"]


@public
def three(request: HttpRequest) -> JsonResponse:
    """Three queries, each answered by an index."""
    return JsonResponse(
        {
            "people": list(User.objects.filter(email_folded=EMAIL).values_list("name", flat=True)),
            "contacts": list(
                Contact.objects.order_by("name_folded", "id").values_list("name", flat=True)[:10]
            ),
            "entries": list(
                LogEntry.objects.order_by("-timestamp", "-id").values_list("object_repr", flat=True)[:10]
            ),
        }
    )


@public
def every_table(request: HttpRequest) -> JsonResponse:
    """Reads from each table of the workspace: the worst that one request can do to a backend's caches."""
    touched = [model._meta.db_table for model in tenant_models() if model._default_manager.exists() or True]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return JsonResponse({"pid": pid, "tables": len(touched)})


urls_tenant.urlpatterns += [path("figures/three/", three), path("figures/every-table/", every_table)]


def tenant_models() -> list[Any]:
    """The models whose tables stand in a workspace's schema."""
    listed = {entry.rsplit(".apps.", 1)[0] for entry in settings.TENANT_APPS}
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if apps.get_app_config(model._meta.app_label).name in listed and model._meta.managed
    ]


@cache
def handler(stack: str) -> WSGIHandler:
    lean = getattr(settings, "TENANCY", TENANCY)
    with override_settings(MIDDLEWARE=lean if stack == "lean" else settings.MIDDLEWARE):
        return WSGIHandler()


def ask(path: str, host: str, cookie: str = "", stack: str = "whole") -> tuple[int, bytes, float]:
    """Status, body and seconds of one request, from the handler's call to the answer's close."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path.partition("?")[0], "QUERY_STRING": path.partition("?")[2],
        "SERVER_NAME": "figures", "SERVER_PORT": "80", "HTTP_HOST": host, "REMOTE_ADDR": "127.0.0.1",
        "HTTP_COOKIE": cookie, "HTTP_USER_AGENT": "Firefox/140.0", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(), "wsgi.errors": BytesIO(),
    }  # fmt: skip
    status: list[str] = []
    handle: Any = handler(stack)
    began = time.perf_counter()
    answer = handle(environ, lambda line, headers, *_: status.append(line))
    body = b"".join(answer)
    answer.close()
    return int(status[0][:3]), body, time.perf_counter() - began


def seconds(
    path: str, hosts: list[str], cookie: str = "", stack: str = "lean", times: int = 1
) -> list[float]:
    """Of `times` requests, one host after the other. Raises AssertionError unless each is answered by 200."""
    found = []
    for number in range(times):
        status, _, took = ask(path, hosts[number % len(hosts)], cookie, stack)
        assert status == 200, f"{path} answers {status}"
        found.append(took)
    return found


def statements(path: str, host: str, cookie: str = "", stack: str = "lean") -> int:
    """How many messages a request sends to the database, BEGIN and COMMIT aside."""
    ask(path, host, cookie, stack)
    connection.force_debug_cursor = True
    try:
        ask(path, host, cookie, stack)
        return sum(one["sql"] not in ("BEGIN", "COMMIT") for one in connection.queries_log)
    finally:
        connection.force_debug_cursor = False


def sign_in(host: str) -> str:
    """The owner's cookie there."""
    browser = Client(HTTP_HOST=host, headers={"user-agent": "Firefox/140.0"})
    answer = browser.post("/sign-in/", {"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 302, f"nobody can sign in: {answer.status_code}"
    return "; ".join(f"{name}={one.value}" for name, one in browser.cookies.items())


def open_workspace(number: int) -> dict[str, Any]:
    """The owner's clicks: the button that confirms, and whatever it leads to until a page of the own workspace is there.

    Seconds, and the sign-up's UUID. Raises AssertionError when there is anything to wait for.
    """
    from tenants import opening
    from tenants import sign_up as signing_up
    from tenants.models import SignUp

    now = timezone.now()
    with scope.shared(actor=signing_up.DOOR):
        row = SignUp.objects.create(
            company=f"Figures {number}", country="BE", language="en", subdomain=f"figures-{number}",
            name="Olga Owner", email=EMAIL, expires_at=now + timedelta(hours=1), terms_language="en",
            terms_version=documents.current("terms", today=timezone.localdate(now)).version,
        )  # fmt: skip
    browser, to = Client(headers={"user-agent": "Firefox/140.0"}), urlsplit(opening.link(row))
    began = time.perf_counter()
    answer = browser.post(to.path, HTTP_HOST=to.netloc)
    while answer.status_code == 302:
        to = urlsplit(urljoin(to.geturl(), answer["Location"]))
        answer = browser.get(to.path, HTTP_HOST=to.netloc)
    took = time.perf_counter() - began
    assert answer.status_code == 200 and to.netloc.startswith(row.subdomain), (
        f"{to.path} answers {answer.status_code}"
    )
    return {"seconds": took, "sign_up": str(row.pk)}


def touch(hosts: list[str]) -> dict[str, float]:
    """Read every table in workspace after workspace: the most memory (MiB) that the backend had, and how many there were."""
    most, pids = 0.0, set()
    for number, host in enumerate(hosts, 1):
        status, body, _ = ask("/figures/every-table/", host, stack="lean")
        assert status == 200
        pid = int(body.partition(b'"pid": ')[2].partition(b",")[0])
        pids.add(pid)
        if number % 10 == 0 or number in (1, len(hosts)):
            most = max(most, _anonymous(pid))
    return {"most": most, "backends": len(pids)}


def _anonymous(pid: int) -> float:
    """MiB of a process that are its own: neither files nor the server's shared buffers."""
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123  (procfs)
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["RssAnon"].split()[0]) / 1024


def forget() -> None:
    """End the connection: the next request has a new one."""
    connection.close()


@cache
def hashed() -> str:
    """Of the password that everybody has: hashing it takes longer than making a workspace."""
    return make_password(PASSWORD)


def people(names: list[str]) -> None:
    """An owner, and contacts of these names, in the scope in force."""
    User.objects.create(name="Olga Owner", email=EMAIL, language="en", role=OWNER, password=hashed())
    rows = [Contact(kind="company", name=name, city="Bruxelles", country="BE") for name in names]
    for row in rows:
        row.derive()
    Contact.objects.bulk_create(rows)
