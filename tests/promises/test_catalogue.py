"""The catalogue is complete and in the policy's order; where a promise stands follows from its looks and the clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from shared_apps.promises.catalogue import BY_ID, PROMISES, SECTIONS, Look, Promise, standing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEPT, BROKEN, UNKNOWN = (Look(result, NOW) for result in ("kept", "broken", "unknown"))  # type: ignore[arg-type]
OLD = Look("kept", NOW - timedelta(days=1, seconds=1))
# Whose means arrive with an issue of their own: never shown as kept before.
LATER = {"backups": "P26 P28 P29"}


def test_the_catalogue_holds_P01_to_P44_once_each_and_in_order() -> None:
    assert [promise.id for promise in PROMISES] == [f"P{number:02d}" for number in range(1, 45)]
    assert list(dict.fromkeys(promise.section for promise in PROMISES)) == list(SECTIONS)


@pytest.mark.parametrize("language", [code for code, _name in settings.WEBSITE_LANGUAGES])
def test_each_promise_says_its_sentence_what_keeps_it_and_what_is_not_proven(language: str) -> None:
    with translation.override(language):
        for promise in PROMISES:
            texts = [promise.sentence, promise.kept_by, promise.not_proven]
            assert all(str(text).strip().endswith(".") for text in texts), promise.id


@pytest.mark.parametrize("waits_for", LATER)
def test_what_arrives_later_is_said_and_is_never_green(waits_for: str) -> None:
    named = [promise.id for promise in PROMISES if promise.arrives_with == waits_for]
    assert named == LATER[waits_for].split()
    for id in named:
        assert standing(BY_ID[id], {"one": KEPT}, NOW) == "later"
        assert standing(BY_ID[id], {}, NOW) == "later"
        assert standing(BY_ID[id], {"one": BROKEN}, NOW) == "broken"


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ({"one": KEPT, "two": KEPT}, "kept"),
        ({"one": KEPT, "two": BROKEN}, "broken"),
        ({"one": replace(BROKEN, at=OLD.at)}, "broken"),
        ({"one": KEPT, "two": None}, "unproven"),
        ({"one": KEPT, "two": UNKNOWN}, "unproven"),
        ({"one": KEPT, "two": OLD}, "stale"),
        ({"one": replace(KEPT, at=NOW - timedelta(days=1))}, "kept"),
        ({"one": replace(KEPT, at=NOW + timedelta(hours=1))}, "stale"),  # a clock that was wrong
        ({"one": None}, "unproven"),
        ({}, "tested"),
    ],
)
def test_a_promise_stands_where_its_worst_look_stands(looks: dict[str, Any], expected: str) -> None:
    promise = Promise("P12", "1.2", "a", "b", "c")
    assert standing(promise, looks, NOW) == expected
