"""P19: a workspace publishes one number, how many people it has; billing can read nothing else of it."""

from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from billing import seats, subscriptions
from billing.models import Seats
from shared_apps.accounts.models import User
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.module import ADMIN, MEMBER
from tests.conftest import PASSWORD, TESTER, Cast
from tests.isolation.catalog import tables


def published(cast: Cast) -> int:
    with scope.shared():
        return Seats.of(cast.tenant.client_id)


def arrive(cast: Cast, name: str = "New") -> User:
    with cast.inside():
        return User.objects.create_user(
            name=name, email=f"{name}@acme.test".lower(), role=MEMBER, password=PASSWORD
        )


def test_P19_the_number_follows_whoever_comes_goes_and_returns(acme: Cast, zenith: Cast) -> None:
    person = arrive(acme)
    drain()
    assert (published(acme), published(zenith)) == (4, published(zenith))
    with acme.inside():
        User.objects.get(pk=person.pk).deactivate(by=acme.owner, now=timezone.now())
    drain()
    assert published(acme) == 3
    with acme.inside():
        User.objects.get(pk=person.pk).reactivate(by=acme.owner, now=timezone.now())
    drain()
    assert published(acme) == 4


def test_P19_an_invitation_counts_from_the_first_entry_on(acme: Cast) -> None:
    with acme.inside():
        seats.count()
        invited = User.invite(
            name="Ina", email="ina@acme.test", role=ADMIN, language="en", by=acme.owner, now=timezone.now()
        )
    drain()
    assert published(acme) == 3
    with acme.inside(invited):
        User.objects.get(pk=invited.pk).change_password(PASSWORD, now=timezone.now())
    drain()
    assert published(acme) == 4


def test_P19_what_was_missed_is_counted_at_night(acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        Seats.publish(acme.tenant.client_id, 40, now=timezone.now())
    with acme.inside():
        seats.count()
    assert published(acme) == 3


def test_P19_an_operator_who_is_added_is_no_workspaces_matter(db: None) -> None:
    from tests.operators.conftest import make_operator

    before = jobs()
    make_operator("Otto")
    assert jobs() == before


def jobs() -> int:
    from shared_apps.jobs.models import Job

    with scope.shared():
        return Job.objects.filter(name="billing.seats.publish").count()


def test_P19_the_role_that_bills_cannot_read_one_table_of_a_workspace(acme: Cast) -> None:
    schema = acme.tenant.schema_name
    names = tables(schema)
    assert len(names) > 10
    for name in names:
        with (
            scope.shared(),
            pytest.raises(ProgrammingError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SELECT 1 FROM {schema}.{name} LIMIT 1")


def test_P19_billing_enters_a_workspace_to_count_and_for_nothing_else() -> None:
    """Every place of billing that could enter one, by its source: the counting runs where the workspace itself is."""
    from pathlib import Path

    import billing

    root = Path(billing.__file__).parent
    entering = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "scope.tenant(" in path.read_text() or "in_each_tenant(" in path.read_text()
    }
    assert entering == {"seats.py"}
    source = (root / "seats.py").read_text()
    assert source.count("User.objects") == 1 and "User.objects.entered().count()" in source


def test_P19_what_is_published_is_one_number_and_when() -> None:
    fields = {field.name for field in Seats._meta.get_fields()}
    assert fields == {"id", "client_uuid", "people", "counted_at"}


def test_P19_what_is_ordered_follows_the_number(acme: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    drain()
    monkeypatch.setattr(subscriptions, "bring_in_line", lambda client, *, now: asked.append(client))
    arrive(acme)
    drain()
    assert asked == [acme.tenant.client_id]
    with acme.inside():
        seats.count()  # the same number again asks for nothing
    drain()
    assert len(asked) == 1
