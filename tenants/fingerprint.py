"""What a schema looks like, as one hash: two schemas with the same one have the same tables, to the last default."""

import hashlib
import re

from django.db import connection

CATALOG = r"""
SELECT line FROM (
  SELECT format('column %%s.%%s %%s %%s %%s %%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('constraint %%s.%%s %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace
  UNION ALL
  SELECT format('index %%s', indexdef) FROM pg_indexes WHERE schemaname = %(schema)s
  UNION ALL
  SELECT format('trigger %%s', pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
   WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal
  UNION ALL
  SELECT format('function %%s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
  UNION ALL
  SELECT format('sequence %%s', relname) FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'S'
) AS lines ORDER BY line COLLATE "C"
"""


# PostgreSQL prints `x IN ('a', 'b')` of a varchar differently once it has been dumped and loaded: same meaning,
# other casts and parentheses. They are left out of what is compared.
NOISE = re.compile(r"::(character varying|text)(\[\])?|[()]")


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
    return hashlib.sha256("\n".join(lines(schema)).encode()).hexdigest()
