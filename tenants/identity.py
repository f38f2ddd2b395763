"""Whether this database is at home here (P18): a copy of production opens only once it was neutralised.

The database keeps the identity of the deployment that it belongs to, and its environment. The identity is a keyed hash
of a key in the data folder (keys/, which stands in no backup of the database): a dump that is put back elsewhere finds
other keys, and a folder that was copied with its keys finds another environment. A backup of production that is put back
beside production's own keys is at home.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from psycopg2 import OperationalError

from shared_apps.kit import scope
from tenants import roles
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
STRANGE = "This database holds tables of something else: give Smoall a database of its own, an empty one."
NEIGHBOUR = (
    "On this server is another database of Smoall, %(name)s, whose logins have other passwords: nothing was changed. "
    "Logins are a server's own. When they were made with a secret key that this deployment had before, name that key in "
    "SMOALL_OLD_SECRET_KEYS and run prepare again. When another deployment uses that database, give both the same "
    "SMOALL_SECRET_KEY, or this one a server of its own. When nobody does any more, drop it."
)
UNANSWERED = (
    "On this server is another database of Smoall, %(name)s, and whether its logins have the same passwords can't be "
    "told, so nothing was changed: %(error)s"
)
UNCLAIMED = "This database does not know yet which deployment it belongs to: run prepare."
# Commands that open no database, and the one that makes a copy harmless.
NEED_NO_HOME = frozenset(
    {
        "", "-h", "--help", "--version", "check", "collectstatic", "compilemessages", "findstatic", "help",
        "makemessages", "makemigrations", "neutralise", "version",
    }
)  # fmt: skip
OF_SMOALL = {"tenants_tenant", "tenants_snapshot"}  # of every release
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)' AND n.nspname !~ '^t_[0-9a-f]{32}$'
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
MAKE_HOME = frozenset({"prepare", "migrate"})


class NotAtHome(Exception):
    """The database belongs elsewhere; the sentence says what to do."""


def refusal() -> str:
    """Why this database must not be opened here; "" when it may. In the shared scope or the owner's.

    Raises ProgrammingError when the table is not there yet.
    """
    return _judged(Deployment.objects.values_list("identity", "environment").first())


def _judged(row: tuple[str, str] | None) -> str:
    if row is None:
        return UNCLAIMED
    try:
        own = KeyStore.default().deployment()
    except (BadKey, OSError) as error:
        return f"The data folder's keys can't be read: {error}"
    if row[0] != own:
        return ELSEWHERE
    return NOT_PRODUCTION if row[1] == PRODUCTION and not settings.SMOALL_IS_PRODUCTION else ""


def admit(
    admin_url: str, database: str, logins: dict[str, str], *, before: Sequence[dict[str, str]] = ()
) -> None:
    """Before `roles.set_up` changes anything on a server: asked as its administrator, since our roles may not be there.

    `before`: the logins by the secret keys that this deployment had before. Raises NotAtHome for another deployment's
    database or something else's, and where another deployment uses the logins.
    """
    if why := _seen(admin_url, database):
        raise NotAtHome(why)
    for name in roles.neighbours(admin_url, database):
        if why := _locked_out(admin_url, name, (logins, *before)):
            raise NotAtHome(why)


def _locked_out(admin_url: str, name: str, known: Iterable[dict[str, str]]) -> str:
    """Why nobody may change the logins; "" when one of the known passwords opens that database."""
    why = ""
    for logins in known:
        try:
            if roles.opens(admin_url, name, logins):
                return ""
        except OperationalError as error:
            why = UNANSWERED % {"name": name, "error": str(error).strip()}
    return why or NEIGHBOUR % {"name": name}


def is_smoalls(admin_url: str, database: str) -> bool:
    """Whether there is such a database, with Smoall's tables."""
    with roles.asking(admin_url, database) as cursor:
        return cursor is not None and _tables(cursor) >= OF_SMOALL


def _seen(admin_url: str, database: str) -> str:
    """As `refusal`, of a database that may not be there, be empty, or hold something else."""
    with roles.asking(admin_url, database) as cursor:
        tables = _tables(cursor) if cursor else set()
        if not tables:
            return ""
        if not tables >= OF_SMOALL:
            return STRANGE
        if "tenants_deployment" in tables:
            cursor.execute("SELECT identity, environment FROM public.tenants_deployment")
            if row := cursor.fetchone():
                return _judged(row)
        cursor.execute("SELECT id FROM public.tenants_tenant")
        return "" if _ours().issuperset(UUID(id) for (id,) in cursor.fetchall()) else ELSEWHERE


def _tables(cursor: Any) -> set[str]:
    """Those that no extension brought."""
    cursor.execute(TABLES)
    return {name for (name,) in cursor.fetchall()}


def _ours() -> set[UUID]:
    """Whose key is in this folder, or was until they were erased."""
    try:
        erased = {one.entry.tenant for one in Ledger.default().entries() if one.entry.kind == "data"}
    except (LedgerBroken, OSError):  # said by the replay, which follows
        erased = set()
    return erased.union(KeyStore.default().listing())


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
    with scope.owner():
        if Deployment.objects.exists():
            if why := refusal():
                raise NotAtHome(why)
            if settings.SMOALL_IS_PRODUCTION:
                Deployment.objects.exclude(environment=PRODUCTION).update(environment=PRODUCTION)
            return
        if not _ours().issuperset(Tenant.objects.values_list("pk", flat=True)):
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
