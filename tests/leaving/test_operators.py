"""The console: who leaves, what is late, and what operators do for a client that wrote to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.kit.rows import uuid7
from tenants import departure
from tenants.models import Departure, Instruction, State, Tenant
from tests.conftest import TESTER, Cast
from tests.leaving.conftest import (
    OPS,
    fresh,
    kinds,
    mails,
    notice,
    page_of,
    standing,
    state_of,
    suspend,
    text_of,
)

LETTER = b"%PDF-1.4 We leave at the end of the year."


def letter(name: str = "letter.pdf", content: bytes = LETTER) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def page(cast: Cast, more: str = "") -> str:
    return f"/clients/{cast.tenant.client_id}/{more}"


def moved(leaving: Departure, on: Any, **changes: Any) -> dict[str, Any]:
    return {"on": f"{on}", "seen": departure.seen_in(leaving), "proof": letter(), **changes}


def written(**changes: Any) -> dict[str, Any]:
    """A notice that came in today."""
    return {"proof": letter(), "received_on": str(day_of(timezone.now())), **changes}


def make_departures(number: int, **fields: Any) -> None:
    """Clients without a workspace, as the list shows them."""
    now = timezone.now()
    with scope.shared(actor=TESTER):
        for each in range(number):
            client = Client.objects.create(
                company=f"Brasserie {each}", contact_name="B", contact_email="b@b.test"
            )
            dates = departure.foresee(now)
            Departure.objects.create(**{
                "tenant_uuid": uuid7(), "client_uuid": client.pk, "noticed_at": now,
                "noticed_by": {"role": "owner", "id": "x"}, "data_promised_on": dates.data_on,
                "contacts_promised_on": dates.contacts_on, "data_on": dates.data_on,
                "contacts_on": dates.contacts_on, "data_erased_at": now, **fields,
            })  # fmt: skip


# --- the list ---------------------------------------------------------------------------------------------


def test_it_lists_who_leaves_with_both_days(here: Browser, acme: Cast, zenith: Cast) -> None:
    assert "Nobody is leaving" in page_of(here, "/departures/")
    given = notice(acme)
    shown = page_of(here, "/departures/")
    assert "Acme SRL" in shown and "Zenith" not in shown
    assert f'datetime="{given.data_on}"' in shown and f'datetime="{given.contacts_on}"' in shown


def test_it_is_searched_filtered_and_sorted(here: Browser, acme: Cast) -> None:
    notice(acme)
    make_departures(1)
    assert "Brasserie" not in page_of(here, "/departures/", q="ACME")
    assert "Acme" not in page_of(here, "/departures/", q="brasserie")
    assert "No departure matches" in page_of(here, "/departures/", q="nobody")
    assert "Brasserie" not in page_of(here, "/departures/", state="leaving")
    assert "Acme" not in page_of(here, "/departures/", state="erased")
    by_name = page_of(here, "/departures/", sort="-company")
    assert by_name.index("Brasserie") < by_name.index("Acme SRL")
    assert page_of(here, "/departures/", state="nonsense", sort="password", page="x", q="\0")


def test_a_page_costs_the_same_however_many_leave(here: Browser, statements: Callable[[], Any]) -> None:
    def count() -> int:
        with statements() as sent:
            page_of(here, "/departures/")
        return len(sent)

    make_departures(1)
    few = count()
    make_departures(60)
    assert count() <= few
    assert "1–50 of" in page_of(here, "/departures/")


def test_late_ones_stand_on_top_and_say_so(here: Browser, acme: Cast) -> None:
    notice(acme, now=timezone.now() - timedelta(days=100))
    shown = page_of(here, "/departures/")
    assert "1 erasure is late" in shown and "Look at the failed work first" in shown
    assert "Acme SRL" in page_of(here, "/departures/", state="late")
    assert "The last day is over" in page_of(here, page(acme))


@override_settings(SMOALL_RETENTION_PER_DAY=0)
def test_those_held_back_are_counted_and_what_to_do_is_said(here: Browser, acme: Cast) -> None:
    notice(acme, now=timezone.now() - timedelta(days=100))
    shown = page_of(here, "/departures/")
    assert "1 erasure is held back" in shown and "enforce_retention --cap 1" in shown


def test_the_overview_and_the_list_of_clients_know_who_leaves(here: Browser, acme: Cast) -> None:
    notice(acme)
    assert 'href="/departures/?state=leaving"' in page_of(here, "/")
    shown = page_of(here, "/clients/", state="leaving")
    assert "Acme SRL" in shown and "leaving" in shown


def test_a_client_whose_data_is_gone_has_its_page_too(here: Browser) -> None:
    make_departures(1)
    with scope.shared():
        client = Client.objects.get(company="Brasserie 0")
    shown = page_of(here, f"/clients/{client.pk}/")
    assert "data erased" in shown and "move-contacts" in shown
    assert "move-data" not in shown and "withdraw-notice" not in shown and "give-notice" not in shown


# --- for a client that wrote ------------------------------------------------------------------------------


def test_notice_is_given_for_the_client_with_its_letter(here: Browser, acme: Cast) -> None:
    for _click in range(2):
        assert here.post(page(acme, "give-notice/"), written()).status_code == 302
    given = standing(acme)
    assert given and state_of(acme) == State.LEAVING and given.noticed_by["role"] == "operator"
    assert kinds() == ["notice"] and [one.to_address for one in mails()] == ["olga@acme.test"]
    with scope.shared():
        entry = LogEntry.objects.filter(table_name="tenants_departure").latest("id")
    assert (entry.actor_kind, entry.actor_name, entry.actor_behalf) == (
        "operator",
        "Opal",
        "the client, in writing",
    )


def test_P35_a_letters_days_count_from_its_receipt(here: Browser, acme: Cast) -> None:
    today = day_of(timezone.now())
    for wrong in ("", str(today + timedelta(days=1)), str(today - timedelta(days=70))):
        answer = here.post(page(acme, "give-notice/"), written(received_on=wrong))
        assert answer.status_code == 200 and standing(acme) is None, "tomorrow, or too long ago"
    came = today - timedelta(days=20)
    kept = plus_months(came, 3)
    typed = written(received_on=str(came), contacts_on=str(kept))
    assert here.post(page(acme, "give-notice/"), typed).status_code == 302, "the days of the receipt count"
    given = standing(acme)
    assert given and (given.data_on, given.contacts_promised_on) == (kept, plus_months(came, 12))
    assert f'received on <time datetime="{came}"' in page_of(here, page(acme))


@pytest.mark.parametrize("verb", ["give-notice/", "move-day/data/", "move-day/contacts/", "withdraw-notice/"])
@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (None, "Attach what the client wrote"),
        (("letter.pdf", b"no letter"), "isn’t what its name says"),
        (("letter.exe", b"MZ"), "of a kind that can’t be kept"),
        (("letter.pdf", b""), "empty"),
    ],
)
def test_without_a_proof_that_can_be_kept_nothing_is_done(
    here: Browser, acme: Cast, verb: str, proof: tuple[str, bytes] | None, said: str
) -> None:
    given = None if verb == "give-notice/" else notice(acme)
    before, on = kinds(), day_of(timezone.now()) + timedelta(days=99)
    posted: dict[str, Any] = moved(given, on) if given else written(data_on=str(on))
    posted.pop("proof", None)
    answer = here.post(page(acme, verb), posted | ({"proof": letter(*proof)} if proof else {}))
    assert answer.status_code == 200 and said in text_of(answer)
    assert kinds() == before and (f'value="{on}"' in text_of(answer) or "withdraw" in verb)
    with scope.shared():
        assert not Instruction.objects.exclude(proof="").exists()


@pytest.mark.parametrize("category", ["data", "contacts"])
def test_a_day_is_moved_for_the_client_once(here: Browser, acme: Cast, category: str) -> None:
    given = notice(acme)
    on = given.day(category) + timedelta(days=9)  # type: ignore[arg-type]
    for _click in range(2):
        answer = here.post(page(acme, f"move-day/{category}/"), moved(given, on))
        assert answer.status_code == 302
    assert fresh(given).day(category) == on and kinds() == ["notice", "day"]  # type: ignore[arg-type]
    answer = here.post(
        page(acme, f"move-day/{category}/"), moved(given, "", proof=letter(), promised="1"), follow=True
    )
    assert "Other days were chosen meanwhile" in text_of(answer), "its page was from before"
    here.post(page(acme, f"move-day/{category}/"), moved(fresh(given), "", promised="1"))
    assert kinds() == ["notice", "day", "promised"]


def test_the_notice_is_withdrawn_for_the_client(here: Browser, acme: Cast) -> None:
    suspend(acme)
    notice(acme)
    assert here.post(page(acme, "withdraw-notice/"), {"proof": letter()}).status_code == 302
    assert state_of(acme) == State.SUSPENDED and kinds() == ["notice", "withdrawn"]
    answer = here.post(page(acme, "withdraw-notice/"), {"proof": letter()}, follow=True)
    assert "There is no notice to withdraw" in text_of(answer)


def test_what_cannot_be_is_said_on_the_clients_page(here: Browser, acme: Cast) -> None:
    for verb in ("move-day/data/", "withdraw-notice/"):
        assert here.get(page(acme, verb)).status_code == 302
    assert "This client is not leaving." in page_of(here, page(acme))
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(state=State.ERASING)
    answer = here.post(page(acme, "give-notice/"), written(), follow=True)
    assert "This workspace is closed." in text_of(answer) and standing(acme) is None
    assert here.get(page(acme, "move-day/everything/")).status_code == 404


# --- the proof --------------------------------------------------------------------------------------------


def test_operators_alone_save_the_letter_and_it_is_never_shown(
    here: Browser, acme: Cast, zenith: Cast, browser: Callable[..., Browser]
) -> None:
    here.post(page(acme, "give-notice/"), written(proof=letter("<b>.pdf")))
    with scope.shared():
        id = Instruction.objects.get().pk
    address = page(acme, f"proofs/{id}/")
    assert address in page_of(here, page(acme))
    answer: Any = here.get(address)
    assert b"".join(answer.streaming_content) == LETTER
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert here.get(page(zenith, f"proofs/{id}/")).status_code == 404
    assert here.get(page(acme, f"proofs/{uuid7()}/")).status_code == 404
    assert browser(OPS).get(address).status_code == 302
    assert browser(acme, acme.owner).get(address).status_code == 404


def test_the_history_names_the_operator_and_the_client(here: Browser, acme: Cast) -> None:
    given = notice(acme)
    here.post(page(acme, "move-day/data/"), moved(given, given.data_on + timedelta(days=9)))
    history = page_of(here, page(acme)).partition("<aside")[2]
    assert "Opal" in history and "for the client, in writing" in history and "Data kept until" in history
    assert "another day" in history and str(acme.id) not in history
