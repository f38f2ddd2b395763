"""The DDL that makes the database write the history: three functions a schema and two triggers a table (I7).

Row-level triggers: measured against statement-level ones with transition tables, they cost a third for single
writes (70 µs) and nearly the same in bulk (45 µs a row); see docs/decisions/0003-history-by-triggers.md.
The functions name every table with its schema, since on Citus they run on a shard whose name and search_path
are others; there the author must be set by SET LOCAL, as the database wrapper does.

Each function has its schema in its own name too (`named`): PostgreSQL looks a function up among all of its name, in
whatever schema, so that with one name a schema making one would cost more with each workspace that there is.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import ForeignKey, ManyToManyField, Model

from shared_apps.history import registry
from shared_apps.history.registry import models_with_history
from shared_apps.kit.text import ERASED

READ_ONLY_TABLES = ("history_logentry",)  # for both runtime roles
FUNCTIONS = {
    "record_change": "",
    "refuse_truncate": "",
    "redact_history": "text, text, text, text[], text[], text[]",
}
FORMER_FUNCTIONS = (  # of earlier releases; in `public` they stay, for old processes that still work
    "redact_history(text, text, text, text[], text[])",
    "redact_history(text, text, text, text[], text[], text[])",
    "record_change()",
    "refuse_truncate()",
)
MASK = "••••"
NO_AUTHOR = "SM001"  # SQLSTATE: a change without an author
NO_CONTENT_TYPE = "SM002"  # SQLSTATE: a table whose content type the schema does not know
NOT_ALLOWED = "SM003"  # SQLSTATE: TRUNCATE of a table with a history, or another key for a row

# Placeholders in capitals are replaced; the arguments of the trigger follow the order of `_arguments`.
RECORD_CHANGE = """
CREATE OR REPLACE FUNCTION SCHEMA.record_change_SCHEMA() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = SCHEMA, pg_temp
SET timezone = 'UTC'
AS $record_change$
DECLARE
    own_table CONSTANT text := TG_ARGV[0];
    key_column CONSTANT text := TG_ARGV[3];
    label_column CONSTANT text := TG_ARGV[4];
    fields CONSTANT jsonb := TG_ARGV[5];
    masked CONSTANT jsonb := TG_ARGV[6];
    said CONSTANT text := current_setting('smoall.actor', true);
    author jsonb;
    old_row json;
    new_row json;
    this_row json;
    changed jsonb;
    done smallint := array_position(ARRAY['INSERT', 'UPDATE', 'DELETE'], TG_OP) - 1;
    label text;
    owner_type_id integer;
    owner_key text := '';
BEGIN
    IF said <> '' THEN
        author := said;
    END IF;
    IF coalesce(author ->> 'kind', '') = '' OR coalesce(author ->> 'name', '') = '' THEN
        RAISE EXCEPTION 'a change of % has no author', own_table USING ERRCODE = 'NO_AUTHOR';
    END IF;
    IF TG_OP <> 'INSERT' THEN
        old_row := row_to_json(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := row_to_json(NEW);
    END IF;
    this_row := coalesce(new_row, old_row);
    IF TG_OP = 'UPDATE' AND old_row ->> key_column IS DISTINCT FROM new_row ->> key_column THEN
        RAISE EXCEPTION 'a row of % keeps its key', own_table USING ERRCODE = 'NOT_ALLOWED';
    END IF;
    SELECT jsonb_object_agg(fields ->> coalesce(v.key, v.same_key), CASE
               WHEN NOT masked ? coalesce(v.key, v.same_key) THEN jsonb_build_array(v.was, v.becomes)
               ELSE jsonb_build_array(CASE WHEN TG_OP <> 'INSERT' THEN 'MASK' END,
                                      CASE WHEN TG_OP <> 'DELETE' THEN 'MASK' END) END)
      INTO changed
      FROM ROWS FROM (json_each_text(old_row), json_each_text(new_row)) v(key, was, same_key, becomes)
     WHERE fields ? coalesce(v.key, v.same_key) AND v.was IS DISTINCT FROM v.becomes;
    IF changed IS NULL AND TG_OP = 'UPDATE' THEN
        RETURN NULL;
    END IF;
    IF TG_ARGV[9] <> '' AND this_row ->> TG_ARGV[9] IS NOT NULL THEN
        SELECT t.id INTO owner_type_id FROM SCHEMA.django_content_type t
         WHERE t.app_label = TG_ARGV[7] AND t.model = TG_ARGV[8];
        owner_key := this_row ->> TG_ARGV[9];
    END IF;
    IF TG_ARGV[10] <> '' THEN
        done := 1;
        EXECUTE format('SELECT %I::text FROM %s WHERE %I = %L', label_column, TG_ARGV[10], TG_ARGV[11],
                       this_row ->> key_column) INTO label;
    ELSE
        label := this_row ->> label_column;
    END IF;
    INSERT INTO SCHEMA.history_logentry (
        content_type_id, object_pk, object_repr, action, changes, cid, "timestamp", module, table_name,
        parent_type_id, parent_pk, actor_kind, actor_id, actor_name, actor_behalf)
    SELECT t.id, this_row ->> key_column, coalesce(label, ''), done, coalesce(changed, '{}'),
           pg_current_xact_id()::text, now(), TG_ARGV[1], split_part(own_table, '.', 2),
           owner_type_id, owner_key, author ->> 'kind', coalesce(author ->> 'id', ''),
           author ->> 'name', coalesce(author ->> 'behalf', '')
      FROM SCHEMA.django_content_type t
     WHERE t.app_label = TG_ARGV[1] AND t.model = TG_ARGV[2];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%.% is no content type of this schema', TG_ARGV[1], TG_ARGV[2]
            USING ERRCODE = 'NO_CONTENT_TYPE';
    END IF;
    RETURN NULL;
END
$record_change$
"""

REFUSE_TRUNCATE = """
CREATE OR REPLACE FUNCTION SCHEMA.refuse_truncate_SCHEMA() RETURNS trigger
LANGUAGE plpgsql SET search_path = SCHEMA, pg_temp
AS $refuse_truncate$
BEGIN
    RAISE EXCEPTION '% has a history: its rows are deleted, not truncated', TG_ARGV[0]
        USING ERRCODE = 'NOT_ALLOWED';
END
$refuse_truncate$
"""

REDACT_HISTORY = """
CREATE OR REPLACE FUNCTION SCHEMA.redact_history_SCHEMA(
    in_module text, in_model text, in_key text, in_fields text[], in_values text[], in_about text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = SCHEMA, pg_temp
AS $redact_history$
DECLARE
    said CONSTANT text := current_setting('smoall.actor', true);
    asked_by text := '';
    type_id integer;
    names text[];
    authored bigint[] := ARRAY[]::bigint[];
    meant bigint[];
    touched bigint;
BEGIN
    IF coalesce(said, '') <> '' THEN
        asked_by := coalesce(said::jsonb ->> 'name', '');
    END IF;
    SELECT t.id INTO type_id FROM SCHEMA.django_content_type t
     WHERE t.app_label = in_module AND t.model = in_model;
    IF type_id IS NULL THEN
        RAISE EXCEPTION '%.% is no content type of this schema', in_module, in_model
            USING ERRCODE = 'NO_CONTENT_TYPE';
    END IF;
    SELECT array_agg(DISTINCT side.value) INTO names
      FROM SCHEMA.history_logentry e, jsonb_each(e.changes) c, jsonb_array_elements_text(c.value) side
     WHERE e.content_type_id = type_id AND e.object_pk = in_key
       AND (in_fields IS NULL OR c.key = ANY (in_fields));
    names := coalesce(names, ARRAY[]::text[]) || in_values;
    IF in_fields IS NULL THEN
        SELECT coalesce(array_agg(e.id), authored) INTO authored
          FROM SCHEMA.history_logentry e
         WHERE e.actor_id = in_key
           AND (in_about IS NULL OR e.object_pk = ANY (in_about) OR EXISTS (
                   SELECT 1 FROM SCHEMA.history_logentry same, jsonb_each(same.changes) c
                    WHERE same.content_type_id = e.content_type_id AND same.object_pk = e.object_pk
                      AND (c.value ->> 0 = ANY (in_about) OR c.value ->> 1 = ANY (in_about))));
    END IF;
    meant := authored || ARRAY(SELECT e.id FROM SCHEMA.history_logentry e
                                WHERE e.content_type_id = type_id AND e.object_pk = in_key);
    IF cardinality(in_values) > 0 AND in_about IS NOT NULL THEN
        meant := meant || ARRAY(
            SELECT e.id FROM SCHEMA.django_content_type t
              JOIN SCHEMA.history_logentry e ON e.content_type_id = t.id AND e.object_pk = ANY (in_about)
             WHERE e.actor_behalf = ANY (in_values));
    ELSIF cardinality(in_values) > 0 THEN  -- the one case that has to read every entry
        meant := meant || ARRAY(
            SELECT e.id FROM SCHEMA.history_logentry e
             WHERE e.parent_type_id = type_id AND e.parent_pk = in_key
                OR e.object_repr = ANY (in_values)
                OR e.actor_name = ANY (in_values) OR e.actor_behalf = ANY (in_values)
                OR EXISTS (SELECT 1 FROM jsonb_each(e.changes) j
                            WHERE j.value ->> 0 = ANY (in_values) OR j.value ->> 1 = ANY (in_values)));
    END IF;
    UPDATE SCHEMA.history_logentry e
       SET object_repr = CASE WHEN e.object_repr = ANY (in_values)
                                OR e.content_type_id = type_id AND e.object_pk = in_key
                                   AND (in_fields IS NULL OR e.object_repr = ANY (names))
                              THEN 'ERASED' ELSE e.object_repr END,
           actor_name = CASE WHEN e.actor_name = ANY (in_values) OR e.id = ANY (authored)
                             THEN 'ERASED' ELSE e.actor_name END,
           actor_behalf = CASE WHEN e.actor_behalf = ANY (in_values) THEN 'ERASED' ELSE e.actor_behalf END,
           changes = coalesce((
               SELECT jsonb_object_agg(c.key, jsonb_build_array(
                          CASE WHEN c.was = ANY (in_values) OR c.is_hidden AND c.was IS NOT NULL
                               THEN 'ERASED' ELSE c.was END,
                          CASE WHEN c.becomes = ANY (in_values) OR c.is_hidden AND c.becomes IS NOT NULL
                               THEN 'ERASED' ELSE c.becomes END))
                 FROM (SELECT j.key, j.value ->> 0 AS was, j.value ->> 1 AS becomes,
                              e.content_type_id = type_id AND e.object_pk = in_key
                                  AND (in_fields IS NULL OR j.key = ANY (in_fields)) AS is_hidden
                         FROM jsonb_each(e.changes) j) c), e.changes)
     WHERE e.id = ANY (meant);
    GET DIAGNOSTICS touched = ROW_COUNT;
    INSERT INTO SCHEMA.history_logentry (
        content_type_id, object_pk, object_repr, action, changes, cid, "timestamp", module, table_name,
        parent_pk, actor_kind, actor_id, actor_name, actor_behalf, additional_data)
    VALUES (
        type_id, in_key, 'ERASED', 1, jsonb_build_object('history', jsonb_build_array(NULL, 'ERASED')),
        pg_current_xact_id()::text, now(), in_module, 'history_logentry',
        '', 'system', 'redact_history', 'Smoall', asked_by,
        jsonb_build_object('fields', in_fields, 'entries', touched));
    RETURN touched;
END
$redact_history$
"""

# The tables whose triggers an earlier release left behind: their models are no longer registered.
REMOVE_TRIGGERS = """
DO $remove_triggers$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE NOT t.tgisinternal AND t.tgname IN ('history', 'history_not_truncated')
           AND t.tgrelid = ANY (ARRAY(  -- by an index of the schema's own objects, however many schemas there are
               SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                  AND d.refobjid = 'SCHEMA'::regnamespace AND d.classid = 'pg_class'::regclass))
           AND NOT c.relname = ANY (TABLES)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON SCHEMA.%I', found.tgname, found.relname);
    END LOOP;
END
$remove_triggers$
"""

__all__ = ["FUNCTIONS", "READ_ONLY_TABLES", "models_with_history", "removal", "statements"]


def statements(schema: str, models: Iterable[type[Model]]) -> list[str]:
    """DDL that makes or renews the functions and triggers of `schema` for these models, one by one.

    The schema holds history_logentry and django_content_type. To be run by its owner, with no parameters.
    """
    made = [_filled(body, schema) for body in (RECORD_CHANGE, REFUSE_TRUNCATE, REDACT_HISTORY)]
    made += [
        f"REVOKE EXECUTE ON FUNCTION {named(function, schema)}({arguments}) FROM PUBLIC"
        for function, arguments in FUNCTIONS.items()
    ]
    made += [_no_truncate(schema, table) for table in READ_ONLY_TABLES]
    for model in models:
        made += _table(schema, model._meta.db_table, _of_rows(schema, model))
        for field in registry.tracked_relations(model):
            made += _table(schema, field.m2m_db_table(), _of_relation(schema, model, field))
    if schema != "public":  # whose tables old and new processes share while a release comes in
        # At the end: until here triggers called them.
        made += [f"DROP FUNCTION IF EXISTS {schema}.{function}" for function in FORMER_FUNCTIONS]
    return made


def named(function: str, schema: str) -> str:
    """One of FUNCTIONS as SQL calls it in this schema."""
    return f"{schema}.{function}_{schema}"


def removal(schema: str, models: Iterable[type[Model]]) -> str:
    """DDL that takes the history's triggers from every table of `schema` but those of these models."""
    tables = [*READ_ONLY_TABLES]
    for model in models:
        relations = (field.m2m_db_table() for field in registry.tracked_relations(model))
        tables += [model._meta.db_table, *relations]
    listed = "ARRAY[" + ", ".join(f"'{table}'" for table in tables) + "]::text[]"
    return _filled(REMOVE_TRIGGERS, schema).replace("TABLES", listed)


def _filled(body: str, schema: str) -> str:
    words = {
        "SCHEMA": schema,
        "MASK": MASK,
        "ERASED": ERASED,
        "NO_AUTHOR": NO_AUTHOR,
        "NO_CONTENT_TYPE": NO_CONTENT_TYPE,
        "NOT_ALLOWED": NOT_ALLOWED,
    }
    for word, value in words.items():
        body = body.replace(word, value)
    return body.strip()


def _table(schema: str, table: str, arguments: list[str]) -> Iterator[str]:
    quoted = ", ".join("'" + argument.replace("'", "''") + "'" for argument in arguments)
    yield (
        f"CREATE OR REPLACE TRIGGER history AFTER INSERT OR UPDATE OR DELETE ON {schema}.{table} "
        f"FOR EACH ROW EXECUTE FUNCTION {named('record_change', schema)}({quoted})"
    )
    yield _no_truncate(schema, table)


def _no_truncate(schema: str, table: str) -> str:
    return (
        f"CREATE OR REPLACE TRIGGER history_not_truncated BEFORE TRUNCATE ON {schema}.{table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {named('refuse_truncate', schema)}('{schema}.{table}')"
    )


def _of_rows(schema: str, model: type[Model]) -> list[str]:
    meta, declared = model._meta, registry.declaration(model)
    tracked = {field.column: field.name for field in registry.tracked_fields(model) if not field.primary_key}
    hidden = registry.masked_fields(model)
    masked = [column for column, name in tracked.items() if name in hidden]
    parent: list[str] = ["", "", ""]
    if declared.parent:
        key: Any = meta.get_field(declared.parent)
        assert isinstance(key, ForeignKey)
        parent = [*_type(key.related_model), key.column]
    label: Any = meta.get_field(declared.label)
    return [
        f"{schema}.{meta.db_table}",
        *_type(model),
        meta.pk.column,
        label.column,
        json.dumps(tracked),
        json.dumps(masked),
        *parent,
        *["", ""],
    ]


def _of_relation(schema: str, model: type[Model], field: "ManyToManyField[Any, Any]") -> list[str]:
    """A row of the automatic table is a change of the row that has the field."""
    meta = model._meta
    label: Any = meta.get_field(registry.declaration(model).label)
    return [
        f"{schema}.{field.m2m_db_table()}",
        *_type(model),
        field.m2m_column_name(),
        label.column,
        json.dumps({field.m2m_reverse_name(): field.name}),
        "[]",
        *["", "", ""],
        f"{schema}.{meta.db_table}",
        meta.pk.column,
    ]


def _type(model: Any) -> list[str]:
    """The content type's natural key. A proxy's rows are those of its concrete model."""
    meta = model._meta.concrete_model._meta
    return [meta.app_label, meta.model_name]
