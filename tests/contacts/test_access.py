"""Who may open what: every address of the module, by role; and rows that aren't there or are the neighbour's."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.urls import URLPattern, reverse
from django.utils import timezone

from tenant_apps.contacts import urls
from tenant_apps.contacts.models import Attachment, Contact, Import, Tag
from tests.conftest import Cast
from tests.contacts.conftest import begin, make

# address, method, whether a member may; administrators may all of it
TABLE = [
    ("list", "get", True),
    ("create", "get", True),
    ("duplicates", "post", True),
    ("companies", "post", True),
    ("many", "post", True),
    ("export", "get", True),
    ("tags", "get", True),
    ("tag", "get", True),
    ("remove-tag", "post", True),
    ("import", "get", False),
    ("import-example", "get", False),
    ("import-preview", "get", False),
    ("import-columns", "get", False),
    ("import-progress", "get", False),
    ("import-report", "get", False),
    ("import-commit", "post", False),
    ("import-cancel", "post", False),
    ("record", "get", True),
    ("edit", "get", True),
    ("archive", "post", True),
    ("restore", "post", True),
    ("delete", "post", False),
    ("attach", "post", True),
    ("attachment", "get", True),
    ("remove-attachment", "post", True),
]
TAGS, IMPORTS = ("tag", "remove-tag"), tuple(name for name, *_rest in TABLE if name.startswith("import-"))


def rows_of(cast: Cast) -> dict[str, Any]:
    """One row of each table, as the addresses name them."""
    with cast.inside():
        contact = make(cast.owner, "Garage Peeters", tags=("VIP",))
        attachment = Attachment.attach(
            contact, ContentFile(b"hello", name="note.txt"), by=cast.owner, now=timezone.now()
        )
        tag = Tag.objects.get()
    return {"contact": contact, "attachment": attachment, "tag": tag, "import": begin(cast, b"Nom\nDupont\n")}


def url_of(name: str, rows: dict[str, Any]) -> str:
    if name in TAGS:
        return reverse(f"contacts:{name}", urlconf="config.urls_tenant", args=[rows["tag"].id])
    if name in IMPORTS and name != "import-example":
        return reverse(f"contacts:{name}", urlconf="config.urls_tenant", args=[rows["import"].id])
    if name in ("attachment", "remove-attachment"):
        args = [rows["contact"].id, rows["attachment"].id]
        return reverse(f"contacts:{name}", urlconf="config.urls_tenant", args=args)
    if name in ("record", "edit", "archive", "restore", "delete", "attach"):
        return reverse(f"contacts:{name}", urlconf="config.urls_tenant", args=[rows["contact"].id])
    return reverse(f"contacts:{name}", urlconf="config.urls_tenant")


def test_the_table_names_every_address() -> None:
    patterns = [pattern.name for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]
    assert sorted(patterns) == sorted(name for name, *_rest in TABLE)


def test_each_role_may_what_the_table_says(acme: Cast, browser: Callable[..., Any]) -> None:
    rows = rows_of(acme)
    anonymous, member, admin = browser(acme), browser(acme, acme.colleague), browser(acme, acme.admin)
    for name, method, member_may in TABLE:
        url = url_of(name, rows)
        assert getattr(anonymous, method)(url).headers["Location"].startswith("/sign-in/"), name
        if not member_may:
            assert getattr(member, method)(url).status_code == 403, name
    for name, method, member_may in TABLE:
        if method == "get":
            for person in [member, admin] if member_may else [admin]:
                answer = getattr(person, method)(url_of(name, rows))
                assert answer.status_code in (200, 302, 404), (name, answer.status_code)
                assert answer.status_code == 200 or name in (
                    "import-preview",
                    "import-progress",
                    "import-report",
                )


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_or_foreign_row_is_not_found_and_not_changed(
    acme: Cast, zenith: Cast, browser: Callable[..., Any], method: str
) -> None:
    foreign = rows_of(zenith)
    unknown = {key: type(row)(id=uuid4()) for key, row in foreign.items()}
    admin = browser(acme, acme.admin)
    with zenith.inside():
        before = (
            list(Contact.objects.values()),
            list(Tag.objects.values()),
            list(Attachment.objects.values()),
        )
    for name, allowed, _member_may in TABLE:
        for rows in (foreign, unknown):
            url = url_of(name, rows)
            if allowed != method or (str(rows["contact"].id) not in url and str(rows["tag"].id) not in url):
                continue
            answer = getattr(admin, method)(url, {"typed_name": "Garage Peeters"} if method == "post" else {})
            assert answer.status_code == 404, (name, answer.status_code)
            assert b"Garage" not in answer.content
    with zenith.inside():
        after = (
            list(Contact.objects.values()),
            list(Tag.objects.values()),
            list(Attachment.objects.values()),
        )
        assert Import.objects.count() == 1
    assert before == after


def test_ids_of_the_neighbour_do_nothing_in_a_selection(
    acme: Cast, zenith: Cast, foreign: Contact, browser: Callable[..., Any]
) -> None:
    answer = browser(acme, acme.admin).post(
        "/contacts/many/", {"action": "archive", "id": [str(foreign.id), "no-id"]}
    )
    assert answer.status_code == 302
    with zenith.inside():
        assert Contact.objects.get(id=foreign.id).archived_at is None


def test_a_suspended_workspace_reads_but_does_not_write(
    acme: Cast, contact: Callable[..., Contact], browser: Callable[..., Any]
) -> None:
    from shared_apps.kit import scope
    from tests.conftest import TESTER

    row = contact("Garage Peeters")
    with scope.shared(actor=TESTER):
        acme.tenant.suspend(reason="unpaid", now=timezone.now())
    admin = browser(acme, acme.admin)
    assert admin.get(f"/contacts/{row.id}/").status_code == 200
    assert admin.get("/contacts/export/").status_code == 200
    assert admin.post(f"/contacts/{row.id}/archive/").status_code == 423
    with acme.inside():
        assert Contact.objects.get(id=row.id).archived_at is None
