"""What the database's catalog and the logs tell: undeclared tables, columns for addresses, addresses (P02, P12, P19, P38)."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, models
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.kit import scope
from shared_apps.kit.module import all_holdings
from shared_apps.promises.checking import Result, Round, check, kept_if, reading, rows, unknown
from tenants import roles
from tenants.router import models_of

OF_OURS = "(n.nspname = 'public' OR n.nspname LIKE 't\\_%%')"
COLUMNS = """
    SELECT n.nspname = 'public', c.relname, a.attname, count(*)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE OURS AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
     GROUP BY 1, 2, 3
""".replace("OURS", OF_OURS)
PLACES = """
    SELECT count(*), count(*) FILTER (WHERE
               format_type(a.atttypid, NULL) IN ('inet', 'cidr', 'macaddr', 'macaddr8', 'point', 'polygon', 'circle')
            OR a.attname ~* '(^|_)(ip|ips|ip_?addr(ess)?|remote_(addr|port|host)|client_ip|user_?agent)(_|$)'
            OR a.attname ~* '(^|_)(geo|geo_?location|lat|lon|lng|latitude|longitude|gps)(_|$)')
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE OURS AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
""".replace("OURS", OF_OURS)
SCHEMAS = "SELECT count(*) FROM pg_namespace n WHERE OURS".replace("OURS", OF_OURS)
# What Smoall itself writes down; what users write into their data may be about any address (P12).
WRITTEN_BY_US = ("accounts.SignIn", "accounts.Session")
NEWEST = 2_000  # rows of a table
ADDRESS = r"\m([0-9]{1,3}\.){3}[0-9]{1,3}\M|\m([0-9a-f]{1,4}:){5,7}[0-9a-f]{1,4}\M|\m[0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,5}::[0-9a-f]"
PLACE = r"\m(latitude|longitude|geolocation|gps[a-z]*)[\"']?\s*[:=]"
MOST_LOGGED = 2_000_000  # bytes from the end of each log
CANDIDATE = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:]*\w)"
)
OF_DJANGO = {"django_migrations", "django_content_type"}
CROSSINGS = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE OURS AND c.relkind IN ('r', 'p')
       AND (n.nspname <> 'public' AND has_table_privilege(%(shared)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
         OR n.nspname = 'public' AND has_table_privilege(%(tenant)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
         OR has_table_privilege(%(web)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
""".replace("OURS", OF_OURS)


@check("P02", title=_("Tables and columns, beside the register"))
def everything_is_declared(around: Round) -> Result:
    held = {holding.what for holding in all_holdings()}
    with reading(scope.owner()):
        found = rows(COLUMNS)
    known = {
        shared: {
            (model._meta.db_table, field.column)
            for model in models_of(shared=shared)
            if model._meta.label in held or model._meta.db_table in OF_DJANGO
            for field in model._meta.local_concrete_fields
        }
        for shared in (True, False)
    }
    strays = [
        (table, column)
        for shared, table, column, _times in found
        if table not in OF_DJANGO and (table, column) not in known[shared]
    ]
    return kept_if(
        not strays,
        gettext_noop("Columns of all schemas: %(columns)s; in no register: %(strays)s."),
        columns=sum(times for *_where, times in found),
        strays=len(strays),
    )


@check("P12", title=_("Columns for addresses or places"))
def no_column_for_addresses(around: Round) -> Result:
    with reading(scope.owner()):
        ((columns, found),) = rows(PLACES)
    return kept_if(
        found == 0,
        gettext_noop("Columns of all schemas: %(columns)s; made for addresses or places: %(found)s."),
        columns=columns,
        found=found,
    )


@check("P12", title=_("Addresses and places in what we write down"))
def no_address_in_rows(around: Round) -> Result:
    technical = {holding.what for holding in all_holdings() if holding.category == "technical"}
    wanted = technical | set(WRITTEN_BY_US)
    read = found = 0
    with reading(scope.shared()):
        read, found = _searched(model for model in models_of(shared=True) if model._meta.label in wanted)
    inside = [model for model in models_of(shared=False) if model._meta.label in wanted]
    for more, hits in around.in_share(lambda: _searched(inside)):
        read, found = read + more, found + hits
    return kept_if(
        found == 0,
        gettext_noop(
            "Rows read: %(rows)s, in %(workspaces)s of %(all)s workspaces; with an address or a "
            "place: %(found)s."
        ),
        rows=read,
        workspaces=len(around.share),
        all=len(around.tenants),
        found=found,
    )


def _searched(of: Iterable[type[models.Model]]) -> tuple[int, int]:
    """How many of the newest rows were read, and how many of them hold an address or a place."""
    read = found = 0
    for model in of:
        texts = [
            str(field.column)
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
            and not field.primary_key
        ]
        if texts:
            name, quote = model._meta.db_table, connection.ops.quote_name
            joined = ", ".join(f"{quote(column)}::text" for column in texts)
            key = quote(str(model._meta.pk.column))
            sql = (
                "SELECT count(*), count(*) FILTER (WHERE said ~* %s OR said ~* %s) FROM "  # noqa: S608 (names of our models)
                f"(SELECT concat_ws(' ', {joined}) AS said FROM {quote(name)} ORDER BY {key} DESC LIMIT {NEWEST}) newest"
            )
            ((more, hits),) = rows(sql, [ADDRESS, PLACE])
            read, found = read + more, found + hits
    return read, found


@check("P01", "P12", title=_("Addresses in our logs"))
def no_address_in_logs(around: Round) -> Result:
    folder = Path(settings.SMOALL_DATA) / "log"
    logs = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not logs:
        return unknown(
            gettext_noop("There is no log in our folder: whoever runs the processes keeps it elsewhere.")
        )
    size, found = 0, 0
    for path in logs:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_LOGGED))
            text = file.read(MOST_LOGGED).decode("utf-8", "replace")
        size, found = size + len(text), found + sum(1 for _each in addresses(text))
    return kept_if(
        found == 0,
        gettext_noop("Logs: %(logs)s; kilobytes read: %(kilobytes)s; addresses of others: %(found)s."),
        logs=len(logs),
        kilobytes=size // 1000,
        found=found,
    )


def addresses(text: str) -> Iterator[str]:
    """Addresses in a text that are not the machine's own loopback."""
    for candidate in CANDIDATE.findall(text):
        try:
            found = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        if not (found.is_loopback or found.is_unspecified):
            yield candidate


@check("P19", "P23", title=_("Walls between the roles of the database"))
def roles_are_walled(around: Round) -> Result:
    with reading(scope.owner()):
        ((found,),) = rows(CROSSINGS, {"shared": roles.SHARED, "tenant": roles.TENANT, "web": roles.WEB})
        ((schemas,),) = rows(SCHEMAS, [])
    return kept_if(
        found == 0,
        gettext_noop("Schemas: %(schemas)s; tables that a role could reach across a wall: %(found)s."),
        schemas=schemas,
        found=found,
    )


@check("P38", title=_("The register, in every language"))
def register_says_all(around: Round) -> Result:
    held = all_holdings()
    silent = 0
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            silent += sum(not (str(one.why).strip() and str(one.kept).strip()) for one in held)
    named = {one.what for one in held}
    every = {*models_of(shared=True), *models_of(shared=False)}
    missing = sum(model._meta.label not in named and model._meta.db_table not in OF_DJANGO for model in every)
    return kept_if(
        not (silent or missing),
        gettext_noop(
            "Things held: %(held)s; without a reason or a time: %(silent)s; tables that are "
            "missing: %(missing)s."
        ),
        held=len(held),
        silent=silent,
        missing=missing,
    )
