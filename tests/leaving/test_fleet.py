"""A look at the fleet names whoever leaves by no notice, is kept without a last day, or is late, and proofs of nobody."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from tenants import departure, fleet
from tenants.models import Departure, Instruction, State, Tenant
from tests.conftest import TESTER
from tests.leaving.stage import OLGA, quiet, workspace

__all__ = ["quiet"]
LONG_AGO = timezone.now() - timedelta(hours=2)


@pytest.fixture
def leaver(quiet: None) -> Iterator[Tenant]:
    made = workspace()
    with scope.acting(OLGA):
        departure.give_notice(
            made.id, now=timezone.now(), proof=ContentFile(b"%PDF-1.4 we leave", name="letter.pdf")
        )
        yield made


@pytest.fixture
def before(leaver: Tenant) -> set[str]:
    return set(fleet.problems())


def new(before: set[str]) -> list[str]:
    return sorted(set(fleet.problems()) - before)


def test_a_client_that_leaves_as_it_should_is_no_problem(leaver: Tenant, before: set[str]) -> None:
    assert not [
        one for one in before if str(leaver.id) in one or str(leaver.client_id) in one or "departures/" in one
    ]


@pytest.mark.parametrize("state", [State.LEAVING, State.ERASING])
def test_P34_leaving_without_a_notice_is_named(leaver: Tenant, before: set[str], state: State) -> None:
    with scope.shared(actor=TESTER):
        Departure.objects.update(withdrawn_at=timezone.now())
        Tenant.objects.filter(pk=leaver.pk).update(state=state)
    assert new(before) == [f"client {leaver.subdomain} ({leaver.id}) is {state} without a notice"]


@pytest.mark.parametrize("state", [State.ACTIVE, State.SUSPENDED])
def test_a_notice_that_the_workspace_does_not_know_of_is_named(
    leaver: Tenant, before: set[str], state: State
) -> None:
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=leaver.pk).update(state=state)
    assert new(before) == [f"client {leaver.subdomain} ({leaver.id}) is {state}, but has given notice"]


def test_a_notice_of_a_workspace_that_is_gone_is_named(leaver: Tenant, before: set[str]) -> None:
    with scope.shared(actor=TESTER):
        Departure.objects.update(tenant_uuid=leaver.client_id)
    assert f"departure of {leaver.client_id}: its data is not erased, but there is no such client" in new(
        before
    )


def test_P36_contact_details_without_a_last_day_are_named_once_they_are_an_hour_old(before: set[str]) -> None:
    with scope.shared(actor=TESTER):
        fresh, old = (
            Client.objects.create(company="C", contact_name="C", contact_email="c@c.test", created_at=at)
            for at in (timezone.now(), LONG_AGO)
        )
    assert new(before) == [f"contact details of {old.pk} are kept without a last day"]
    assert fresh.pk != old.pk


def test_P37_what_is_late_is_named(leaver: Tenant, before: set[str]) -> None:
    with scope.shared(actor=TESTER):
        Departure.objects.update(data_on=timezone.localdate() - timedelta(days=3))
    (said,) = new(before)
    assert said.startswith(f"data of {leaver.id}: the erasure is late, due since ")


def test_a_proof_that_no_instruction_names_is_named_once_it_is_an_hour_old(before: set[str]) -> None:
    place = Path(settings.SMOALL_DATA) / "files" / "shared" / "departures" / "stray"
    place.write_bytes(b"%PDF-1.4 nobody's")
    try:
        assert new(before) == []
        os.utime(place, (LONG_AGO.timestamp(),) * 2)
        assert new(before) == ["no instruction names the file shared/departures/stray"]
    finally:
        place.unlink()


def test_a_proof_whose_file_is_gone_is_named(leaver: Tenant, before: set[str]) -> None:
    with scope.shared():
        name = Instruction.objects.exclude(proof="").get().proof.name
    (Path(settings.SMOALL_DATA) / "files" / "shared" / str(name)).unlink()
    assert new(before) == [f"file shared/{name}, which an instruction names, is gone"]
