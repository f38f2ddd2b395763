"""Erasing one person out of a workspace, by its owner: a colleague who was deactivated, or a contact (P40).

What is personal, and which tables are of people, stands in the register of holdings. The instruction waits twelve hours,
its words sealed to the tenant's key; then a saga takes the person out of records, history, mails and files, and the erasure
ledger remembers the row, by its key, for databases and copies that are older. The rows themselves stay, without a name,
where others point at them. One file a noun: person, found, redaction, erasure.
"""

from tenants.persons.erasure import (
    DELAY,
    ERASE_PERSON,
    asked_for,
    cancel,
    origins_of,
    redact_again,
    remove_files,
    request,
)
from tenants.persons.found import (
    SHORTEST,
    Found,
    Preview,
    entries_with,
    namesakes,
    occurrences,
    preview,
    without,
)
from tenants.persons.person import LABEL, Person, find, model_of, search, subjects, why_not

__all__ = [
    "DELAY", "ERASE_PERSON", "LABEL", "SHORTEST", "Found", "Person", "Preview", "asked_for", "cancel", "entries_with",
    "find", "model_of", "namesakes", "occurrences", "origins_of", "preview", "redact_again", "remove_files", "request", "search",
    "subjects", "why_not", "without",
]  # fmt: skip
