"""Whether this database is at home here (P18): a copy of production opens only once it was neutralised.

The database keeps the identity of the deployment that it belongs to, and its environment. The identity is a keyed hash
of a key in the data folder (keys/, which stands in no backup of the database): a dump that is put back elsewhere finds
other keys, and a folder that was copied with its keys finds another environment. A backup of production that is put back
beside production's own keys is at home.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from shared_apps.kit import scope
from tenants.keys import BadKey, KeyStore
from tenants.ledger import Ledger, LedgerBroken
from tenants.models import Deployment, Tenant

PRODUCTION = "production"
HOW = (
    "This is a copy, and copies hold people's data: for development run neutralise first. "
    "To restore production, put its own keys folder back."
)
ELSEWHERE = f"This database belongs to another deployment than this data folder. {HOW}"
NOT_PRODUCTION = f"This database is production's, and SMOALL_ENV says development. {HOW}"
UNCLAIMED = "This database does not know yet which deployment it belongs to: run prepare."
# Commands that open no database, and the one that makes a copy harmless.
NEED_NO_HOME = frozenset(
    {
        "", "-h", "--help", "--version", "check", "collectstatic", "compilemessages", "findstatic", "help",
        "makemessages", "makemigrations", "neutralise", "version",
    }
)  # fmt: skip
MAKE_HOME = frozenset({"prepare", "migrate"})


class NotAtHome(Exception):
    """The database belongs elsewhere; the sentence says what to do."""


def refusal() -> str:
    """Why this database must not be opened here; "" when it may. In the shared scope or the owner's.

    Raises ProgrammingError when the table is not there yet.
    """
    row = Deployment.objects.values_list("identity", "environment").first()
    if row is None:
        return UNCLAIMED
    try:
        own = KeyStore.default().deployment()
    except (BadKey, OSError) as error:
        return f"The data folder's keys can't be read: {error}"
    if row[0] != own:
        return ELSEWHERE
    return NOT_PRODUCTION if row[1] == PRODUCTION and not settings.SMOALL_IS_PRODUCTION else ""


def require(*, but: str = "") -> None:
    """Raises NotAtHome, but for the reason `but`. A database that doesn't answer or is empty yet is no stranger."""
    try:
        with scope.shared():
            why = refusal()
    except DatabaseError:
        return
    if why not in ("", but):
        raise NotAtHome(why)


def guard(argv: Sequence[str]) -> None:
    """Before a command of manage.py, the worker's too. Raises NotAtHome."""
    command = argv[1] if len(argv) > 1 else ""
    if command in NEED_NO_HOME:
        return
    try:
        require(but=UNCLAIMED if command in MAKE_HOME else "")
    finally:
        connection.close()


def claim() -> None:
    """`prepare` notes where a database lives that nobody has claimed, as at first, and that it is production from now on.

    One of a release that kept no identity is taken when this folder has the key of each of its clients, but for those
    who were erased since.
    Raises NotAtHome.
    """
    try:
        erased = {one.entry.tenant for one in Ledger.default().entries() if one.entry.kind == "data"}
    except (LedgerBroken, OSError):  # said by the replay, which follows
        erased = set()
    with scope.owner():
        if Deployment.objects.exists():
            if why := refusal():
                raise NotAtHome(why)
            if settings.SMOALL_IS_PRODUCTION:
                Deployment.objects.exclude(environment=PRODUCTION).update(environment=PRODUCTION)
            return
        ours = erased.union(KeyStore.default().listing())
        if not ours.issuperset(Tenant.objects.values_list("pk", flat=True)):
            raise NotAtHome(ELSEWHERE)
        settle()


def settle() -> None:
    """Write the identity of this deployment into the database, whatever stood there. As the owner."""
    environment = PRODUCTION if settings.SMOALL_IS_PRODUCTION else "development"
    Deployment.objects.update_or_create(
        pk=1,
        defaults={
            "identity": KeyStore.default().deployment(),
            "environment": environment,
            "since": timezone.now(),
        },
    )
