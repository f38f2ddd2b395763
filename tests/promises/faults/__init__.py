"""A fault for each live check: how somebody could break the promise, planted into a system that keeps it.

`@fault("check")` marks a function that plants one. Pages are changed as they arrive; everything else is changed where
it stands, as the owner where the database refuses everybody else, and goes with the test. A file an area,
registered here.
"""

from tests.promises.faults import (
    billing,
    doors,
    history,
    invoices,
    leaving,
    mails,
    pages,
    people,
    sharing,
    tables,
    work,
)
from tests.promises.faults.stage import FAULTS, Plant, Stage, fault, log

__all__ = [
    "FAULTS",
    "Plant",
    "Stage",
    "billing",
    "doors",
    "fault",
    "history",
    "invoices",
    "leaving",
    "log",
    "mails",
    "pages",
    "people",
    "sharing",
    "tables",
    "work",
]
