"""How each kind of long work, and each verb, is begun in a workspace of its own, and what must be true once it is over.

A new kind of saga or verb needs a scenario here: test_killed.py fails on one without. Its steps enter by themselves.
A file an area, registered here.
"""

from tests.crash.scenarios import (
    contacts,
    copies,
    erasure,
    fleet,
    opening,
    persons,
    publishing,
    replay,
    verbs,
)
from tests.crash.scenarios.stage import SCENARIOS, Case, now_of

__all__ = [
    "SCENARIOS",
    "Case",
    "contacts",
    "copies",
    "erasure",
    "fleet",
    "now_of",
    "opening",
    "persons",
    "publishing",
    "replay",
    "verbs",
]
