"""A part of a workspace for a court's order (P32): tables of modules, rows of some days, or what is about one person.

Which part, the order says (sharing.Order.selection); who may have it written, orders.py. A whole workspace is export.py's.
The archive holds what the order names and nothing else: a file of its scope, each table's rows, the files of these rows.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import DateField, DateTimeField, FileField, Q, QuerySet, TextField
from django.db.models.functions import Cast

from shared_apps.accounts import mine
from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import end_of
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.sharing.models import Order
from tenants import export, persons, stores
from tenants.archive import age
from tenants.holdings import called

SHORTEST = persons.SHORTEST  # characters of a line that names somebody


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table that are given."""

    holding: Holding
    rows: QuerySet[Any]

    @property
    def table(self) -> str:
        return str(self.rows.model._meta.db_table)


def modules() -> dict[str, str]:
    """Each module with tables that leave with an export, and what these hold, for people."""
    found: dict[str, list[str]] = {}
    for holding in _tables():
        found.setdefault(holding.what.partition(".")[0], []).append(called(holding))
    return {label: " · ".join(names) for label, names in found.items()}


def describe(order: Order) -> list[str]:
    """What the order's selection names, for people, one thing a line."""
    selection, known = order.selection or {}, modules()
    return [known.get(one, one) for one in selection.get("modules", [])] + list(selection.get("person", []))


def write(order: Order, target: BinaryIO, recipients: Sequence[str | age.Recipient], *, tenant: UUID) -> None:
    """Encrypted to `recipients`, into `target`. One moment of the database. Outside a transaction. Raises CannotAct."""
    with scope.shared():
        export.standing(tenant)
    sealed = age.Writer(target, recipients)  # type: ignore[arg-type]
    with zipfile.ZipFile(cast(BinaryIO, _Sealed(sealed)), "w", zipfile.ZIP_DEFLATED) as archive:
        with export.one_moment(tenant) as (cursor, _row, recorded):
            columns = dict(export.exported_tables(recorded))
            counts, files = {}, set(_folders(order, tenant))
            for part in parts(order):
                if part.table in columns:
                    keys = list(part.rows.order_by("pk").values_list("pk", flat=True))
                    counts[part.table] = len(keys)
                    _add_rows(archive, cursor, part.table, columns[part.table], keys)
                    files |= set(_files_of(part.rows))
            for name in sorted(files):
                _add_file(archive, name)
        archive.writestr("scope.json", _scope(order, counts, len(files)))
    sealed.finish()


def _scope(order: Order, counts: dict[str, int], files: int) -> str:
    said = {
        "order": {"authority": order.authority, "reference": order.reference},
        "extent": order.extent,
        "selection": order.selection,
        "period": [order.period_from, order.period_until] if order.period_from else None,
        "without_a_date_and_so_not_given": _dateless(order),
        "rows": counts,
        "files": files,
    }
    return json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


# --- which rows ---------------------------------------------------------------------------------------------


def parts(order: Order) -> Iterator[Part]:
    """Every table with rows that the order names. In the tenant's scope."""
    selection = order.selection or {}
    if order.extent == Order.Scope.PERSON:
        yield from _about(selection["person"])
        return
    for holding in _of_modules(order):
        rows = _of_days(holding, order.period_from, order.period_until)
        if rows is not None:
            yield Part(holding, rows)


def _tables() -> list[Holding]:
    """Tables of a workspace that leave with an export."""
    named = [one for one in all_holdings() if one.exported == "rows" and ":" not in one.what]
    return [one for one in named if stands_in(_model(one), tenant=True)]


def _model(holding: Holding) -> Any:
    return apps.get_model(holding.what)


def _of_modules(order: Order) -> list[Holding]:
    wanted = (order.selection or {}).get("modules", [])
    return [one for one in _tables() if one.what.partition(".")[0] in wanted]


def dated(model: Any) -> str:
    """The field that says of which day a row is: the first moment or day that each row has; "" without one."""
    fields = model._meta.concrete_fields
    return next((one.name for one in fields if isinstance(one, DateField) and not one.null), "")


def _of_days(holding: Holding, begin: date | None, end: date | None) -> "QuerySet[Any] | None":
    """All rows; with a period those of its days; None for a table whose rows have no date then."""
    model = _model(holding)
    rows: QuerySet[Any] = model._default_manager.all()
    if begin is None or end is None:
        return rows
    if not (name := dated(model)):
        return None
    if isinstance(model._meta.get_field(name), DateTimeField):
        return rows.filter(**{f"{name}__gte": end_of(begin - timedelta(days=1)), f"{name}__lt": end_of(end)})
    return rows.filter(**{f"{name}__gte": begin, f"{name}__lte": end})


def _dateless(order: Order) -> list[str]:
    if order.extent != Order.Scope.MODULES or order.period_from is None:
        return []
    return [_model(one)._meta.db_table for one in _of_modules(order) if not dated(_model(one))]


def _about(words: Sequence[str]) -> Iterator[Part]:
    """What is about the person whom these words name: their own rows, those that are theirs, and those that name them."""
    own = {one.what: _own(one, words) for one in persons.subjects()}
    people = [row for rows in own.values() for row in rows]
    for holding in _tables():
        model = _model(holding)
        keys = {row.pk for row in own.get(holding.what, [])} | _naming(holding, words)
        keys |= set(_theirs(holding, people))
        if model is LogEntry:
            keys |= set(_entries(words, people))
        if keys:
            yield Part(holding, model._default_manager.filter(pk__in=keys))


def _own(holding: Holding, words: Sequence[str]) -> list[Any]:
    asked = Q()
    for name in holding.identifies:
        for word in words:
            asked |= Q(**{f"{name}__iexact": word})
    return list(_model(holding)._default_manager.filter(asked))


def _naming(holding: Holding, words: Sequence[str]) -> set[Any]:
    """Rows in whose personal fields one of the words stands, as a whole."""
    model, names = _model(holding), [one for one in holding.personal if one not in holding.identifies]
    if not names or model is LogEntry:
        return set()
    asked, texts = Q(), {f"text_{name}": Cast(name, TextField()) for name in names}
    for text in texts:
        for word in words:
            asked |= Q(**{f"{text}__icontains": word})
    rows = model._default_manager.annotate(**texts).filter(asked)
    return {row.pk for row in rows if any(_names(getattr(row, name), words) for name in names)}


def _names(value: Any, words: Sequence[str]) -> bool:
    return bool(persons.without(value, words) != value)


def _theirs(holding: Holding, people: Sequence[Any]) -> Iterator[Any]:
    """Rows that a holding says are a colleague's, and rows with a file that hang on the person's own."""
    model = _model(holding)
    for row in people:
        # What they did to others' rows tells of those others.
        if isinstance(row, User) and holding.person not in ("", mine.UNKNOWN) and model is not LogEntry:
            yield from mine.rows_of(holding, row).values_list("pk", flat=True)
        if any(isinstance(one, FileField) for one in model._meta.concrete_fields):
            for key in model._meta.concrete_fields:
                if key.is_relation and key.related_model is type(row):
                    yield from model._default_manager.filter(**{key.name: row.pk}).values_list(
                        "pk", flat=True
                    )


def _entries(words: Sequence[str], people: Sequence[Any]) -> Iterator[int]:
    asked = Q(pk__in=[])
    for row in people:
        type_ = ContentType.objects.get_for_model(row)
        asked |= Q(content_type_id=type_.pk, object_pk=str(row.pk))
    for entry in persons.entries_with(words, asked):
        is_theirs = any(str(row.pk) == entry.object_pk for row in people)
        said = [entry.changes, entry.object_repr]  # not its author: all that they wrote tells of others
        if is_theirs or _names(said, words):
            yield entry.pk


# --- into the archive ---------------------------------------------------------------------------------------


class _Sealed:
    """What a ZIP is written to: it asks for a flush at its end, and age has nothing to flush before its own."""

    def __init__(self, sealed: age.Writer) -> None:
        self.write = sealed.write

    def flush(self) -> None:
        pass


def _add_rows(
    archive: zipfile.ZipFile, cursor: Any, table: str, columns: list[str], keys: Sequence[Any]
) -> None:
    with archive.open(f"rows/{table}.csv", "w", force_zip64=True) as file:
        for block in export.Rows(cursor, table, columns, only=keys):
            file.write(block)


def _folders(order: Order, tenant: UUID) -> Iterator[str]:
    """Every file of the chosen modules, where no day narrows them down."""
    if order.extent != Order.Scope.MODULES or order.period_from is not None:
        return
    wanted, root = (order.selection or {}).get("modules", []), stores.folder("files", tenant)
    for config in apps.get_app_configs():
        for holding in getattr(config, "holdings", ()) if config.label in wanted else ():
            kind, _colon, prefix = holding.what.partition(":")
            if kind == "files" and holding.exported == "files":
                for path in sorted((root / prefix).rglob("*")):
                    if path.is_file() and not path.is_symlink():
                        yield path.relative_to(root).as_posix()


def _files_of(rows: "QuerySet[Any]") -> Iterator[str]:
    for one in rows.model._meta.concrete_fields:
        if isinstance(one, FileField):
            yield from (str(name) for name in rows.values_list(one.name, flat=True) if name)


def _add_file(archive: zipfile.ZipFile, name: str) -> None:
    """One that went meanwhile is left out."""
    if not default_storage.exists(name):
        return
    with default_storage.open(name) as source, archive.open(f"files/{name}", "w", force_zip64=True) as file:
        _copy(source.chunks(), file)


def _copy(chunks: Iterable[bytes], file: Any) -> None:
    for chunk in chunks:
        file.write(chunk)
