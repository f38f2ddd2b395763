"""Each promise has its proofs in this suite, by name; what has none is listed with what it waits for, not left out in silence."""

import re
from pathlib import Path

from shared_apps.promises.catalogue import BY_ID, PROMISES

TESTS = Path(__file__).resolve().parents[1]
# Without a test of their own name yet. A line goes when the test comes; nothing else may be missing.
WAITS_FOR = {"P26": "backups", "P28": "backups"}


def proven() -> set[str]:
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        found |= set(re.findall(r"^ *def test_(P\d\d)_", path.read_text(), re.MULTILINE))
    return found


def test_every_promise_has_a_test_of_its_name_or_says_what_it_waits_for() -> None:
    missing = {promise.id for promise in PROMISES} - proven()
    assert missing <= set(WAITS_FOR), "write test_Pnn_…: the promise, and a planted fault"


def test_what_waits_is_shown_as_not_kept_on_the_page_too() -> None:
    for id, what in WAITS_FOR.items():
        if what in ("billing", "backups"):
            assert BY_ID[id].arrives_with == what, id
