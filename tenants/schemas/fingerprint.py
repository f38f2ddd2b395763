"""What a schema looks like: its own objects line by line, and as one hash. Two schemas with the same one have the same
tables, to the last default.

Everything is found through pg_depend, whose index knows a schema's objects: no statement here grows with the number of
workspaces, as a look through pg_class by its namespace would.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

# Arrays instead of joins: the planner then takes the indexes, whatever it believes of a catalog that grew a moment ago.
CATALOG = r"""
WITH own AS MATERIALIZED (
  SELECT ARRAY(SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
                  AND refobjid = %(schema)s::regnamespace AND classid = 'pg_class'::regclass) AS relations,
         ARRAY(SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
                  AND refobjid = %(schema)s::regnamespace AND classid = 'pg_proc'::regclass) AS functions
)
SELECT line FROM (
  SELECT format('column %%s.%%s %%s %%s %%s %%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = ANY ((SELECT relations FROM own)::oid[])
     AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('constraint %%s.%%s %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = ANY ((SELECT relations FROM own)::oid[])
  UNION ALL
  SELECT format('index %%s', pg_get_indexdef(indexrelid))
    FROM pg_index WHERE indrelid = ANY ((SELECT relations FROM own)::oid[])
  UNION ALL
  SELECT format('trigger %%s', pg_get_triggerdef(oid))
    FROM pg_trigger WHERE tgrelid = ANY ((SELECT relations FROM own)::oid[]) AND NOT tgisinternal
  UNION ALL
  SELECT format('function %%s', pg_get_functiondef(oid))
    FROM pg_proc WHERE oid = ANY ((SELECT functions FROM own)::oid[])
  UNION ALL
  SELECT format('sequence %%s', relname)
    FROM pg_class WHERE oid = ANY ((SELECT relations FROM own)::oid[]) AND relkind = 'S'
) AS lines ORDER BY line COLLATE "C"
"""
MEMBERS = """
SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, relname::text, coalesce(relacl::text, '')
  FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND oid = ANY (ARRAY(
       SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = %(schema)s::regnamespace AND classid = 'pg_class'::regclass))
UNION ALL
SELECT 'function', format('%%s(%%s)', proname, pg_get_function_identity_arguments(oid)), coalesce(proacl::text, '')
  FROM pg_proc WHERE oid = ANY (ARRAY(
       SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = %(schema)s::regnamespace AND classid = 'pg_proc'::regclass))
ORDER BY 1, 2
"""

# PostgreSQL prints `x IN ('a', 'b')` of a varchar differently once it has been dumped and loaded: same meaning,
# other casts and parentheses. They are left out of what is compared.
NOISE = re.compile(r"::(character varying|text)(\[\])?|[()]")
NAME = re.compile(r'"?([^\s".(]+)')


@dataclass(frozen=True, slots=True)
class Member:
    """A table (or view), sequence or function of a schema, and the rights on it as the catalog prints them."""

    kind: str
    name: str  # of a function with its arguments
    rights: str


def members(schema: str) -> list[Member]:
    """In the order of kind and name. In one statement, whose cost is the schema's own."""
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, {"schema": schema})
        return [Member(*row) for row in cursor.fetchall()]


def lines(schema: str) -> list[str]:
    """One line a column, constraint, index, trigger, function and sequence, the schema's own name taken out."""
    with connection.cursor() as cursor:
        cursor.execute(CATALOG, {"schema": schema})
        return sorted(_normal(line, schema) for (line,) in cursor.fetchall())


def _normal(line: str, schema: str) -> str:
    line = line.replace(f"{schema}.", "").replace(schema, "$schema")
    return line if line.startswith("function") else NOISE.sub("", line)


def fingerprint(schema: str) -> str:
    """SHA-256 of `lines`, in hex."""
    return hash_of(lines(schema))


def hash_of(found: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def differences(expected: Iterable[str], found: Iterable[str]) -> list[str]:
    """What differs, one object a sentence: "column contacts_contact.city is missing". Each list as `lines` gives it."""
    wanted, seen = set(expected), set(found)
    missing = {_object(line) for line in wanted - seen}
    added = {_object(line) for line in seen - wanted}
    return [
        f"{name} {'is another one' if name in missing and name in added else 'is missing' if name in missing else 'is too many'}"
        for name in sorted(missing | added)
    ]


def _object(line: str) -> str:
    """What a line is about: its kind, and its name, with the table's where it has one."""
    kind, _, rest = line.partition(" ")
    words = rest.split()
    if kind in ("column", "constraint", "sequence"):
        return f"{kind} {words[0]}"
    if kind == "index":
        return f"index {words[words.index('INDEX') + 1]}"
    if kind == "trigger":
        after = rest.partition(" ON ")[2]
        named = NAME.match(after)
        return f"trigger {words[words.index('TRIGGER') + 1]} of {named.group(1) if named else after}"
    return f"function {rest.partition('FUNCTION ')[2].partition('(')[0].strip()}"
