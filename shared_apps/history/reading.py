"""Reading the history: filters, and pages of whole actions, by a number of queries that size does not change.

An action is what one transaction did in one person's name. What values look like to people is in display.py.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count, F, Func, Q, QuerySet, TextField, Window
from django.db.models.functions import Lower, RowNumber
from django.utils import timezone

from shared_apps.history.display import Display, Line
from shared_apps.history.models import LogEntry
from shared_apps.kit.text import fold

ACTIONS_A_PAGE = 25
LINES_AN_ACTION = 5  # the rest is one click away
LINES_A_PAGE = 100  # of one action

AUTHORS = """
    WITH RECURSIVE author AS (
        (SELECT actor_id, actor_kind, actor_name FROM history_logentry
          ORDER BY actor_id, "timestamp" DESC, id DESC LIMIT 1)
        UNION ALL
        SELECT next.* FROM author, LATERAL (
            SELECT e.actor_id, e.actor_kind, e.actor_name FROM history_logentry e
             WHERE e.actor_id > author.actor_id
             ORDER BY e.actor_id, e."timestamp" DESC, e.id DESC LIMIT 1) next)
    SELECT actor_id, actor_kind, actor_name FROM author ORDER BY lower(actor_name), actor_id
"""


class BadCursor(ValueError):
    """A page was asked for by an address that none of our links has."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to read. Days are whole days in the current time zone; `words` must all be in the name."""

    modules: Collection[str] | None = None  # None: all; the ones that the reader may see
    module: str = ""
    type_id: int | None = None
    key: str = ""  # of the row, with `type_id`; its children's changes come along
    author: str = ""
    done: int | None = None  # LogEntry.Action
    since: date | None = None
    until: date | None = None
    words: str = ""
    cid: str = ""  # one action, with `at`
    at: datetime | None = None

    def entries(self) -> QuerySet[Any]:
        """The entries, unordered."""
        found: QuerySet[Any] = LogEntry.objects.all()
        for condition in self._conditions():
            found = found.filter(condition)
        if words := fold(self.words).split():
            found = found.annotate(folded=_unaccented("object_repr"))
            for word in words:
                found = found.filter(folded__contains=word)
        return found

    def _conditions(self) -> Iterator[Q]:
        if self.modules is not None:
            yield Q(module__in=sorted(self.modules))
        if self.module:
            yield Q(module=self.module)
        if self.type_id is not None and self.key:
            own = Q(content_type_id=self.type_id, object_pk=self.key)
            yield own | Q(parent_type_id=self.type_id, parent_pk=self.key)
        elif self.type_id is not None:
            yield Q(content_type_id=self.type_id)
        if self.author:
            yield Q(actor_id=self.author)
        if self.done is not None:
            yield Q(action=self.done)
        if self.since:
            yield Q(timestamp__gte=_midnight(self.since))
        if self.until:
            yield Q(timestamp__lt=_midnight(self.until + timedelta(days=1)))
        if self.cid and self.at:
            yield Q(cid=self.cid, timestamp=self.at)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of actions ends; the next one begins after it."""

    timestamp: datetime
    cid: str
    author: str

    def __str__(self) -> str:
        return f"{self.timestamp.isoformat()}~{self.cid}~{self.author}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises BadCursor."""
        try:
            moment, cid, author = text.split("~", 2)
            found = cls(datetime.fromisoformat(moment), cid, author)
        except ValueError as error:
            raise BadCursor(text) from error
        if found.timestamp.tzinfo is None or "\0" in text:
            raise BadCursor(text)
        return found

    def following(self) -> Q:
        same = Q(timestamp=self.timestamp)
        return Q(timestamp__lte=self.timestamp) & (
            Q(timestamp__lt=self.timestamp)
            | same & Q(cid__lt=self.cid)
            | same & Q(cid=self.cid, actor_id__lt=self.author)
        )


@dataclass(frozen=True, slots=True)
class Action:
    """What one transaction changed in one person's name: its first lines, and how many there are."""

    at: datetime
    cid: str
    who: str
    author: str  # the actor's id
    actor_kind: str
    behalf: str
    total: int
    lines: list[Line]

    @property
    def kind(self) -> str:
        """create, update or delete when all lines shown agree, else update."""
        kinds = {line.kind for line in self.lines}
        return kinds.pop() if len(kinds) == 1 else "update"

    @property
    def hidden(self) -> int:
        return self.total - len(self.lines)


@dataclass(frozen=True, slots=True)
class Page:
    actions: list[Action]
    older: str  # the cursor of the page after this one, "" on the last

    @property
    def is_empty(self) -> bool:
        return not self.actions


def page(filters: Filters, *, before: str = "", size: int = ACTIONS_A_PAGE) -> Page:
    """The newest actions, or those before a cursor. Four queries at most. Raises BadCursor."""
    heads = filters.entries()
    if before:
        heads = heads.filter(Cursor.read(before).following())
    named = ("timestamp", "cid", "actor_id")
    found: list[Any] = list(
        heads.values(*named).annotate(total=Count("id")).order_by(*(f"-{name}" for name in named))[: size + 1]
    )
    shown = found[:size]
    entries = _first_lines(filters, shown)
    last = shown[-1] if len(found) > size else None
    older = str(Cursor(*(last[name] for name in named))) if last else ""
    return Page(_actions(shown, entries), older)


def one_action(filters: Filters, *, before: str = "") -> Page:
    """The lines of the action that `filters.cid` and `.at` name, oldest first; the cursor is an entry id."""
    entries = filters.entries().order_by("id")
    total = entries.count()
    if before:
        if not before.isdecimal() or len(before) > 18:
            raise BadCursor(before)
        entries = entries.filter(id__gt=int(before))
    found = list(entries[: LINES_A_PAGE + 1])
    shown = found[:LINES_A_PAGE]
    if not shown:
        return Page([], "")
    lines = Display(shown).lines()
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.entry.actor_id, []).append(line)
    actions = [
        _action(group[0].entry, total if len(groups) == 1 else len(group), group) for group in groups.values()
    ]
    return Page(actions, str(shown[-1].id) if len(found) > LINES_A_PAGE else "")


def of_record(record: Any, *, before: str = "", size: int = ACTIONS_A_PAGE) -> Page:
    """The history of one row and of those that name it as their parent."""
    type_ = ContentType.objects.get_for_model(record, for_concrete_model=True)
    return page(Filters(type_id=type_.id, key=str(record.pk)), before=before, size=size)


def authors() -> list[tuple[str, str, str]]:
    """(id, kind, newest name) of everybody who changed something, by name. One query, along the index."""
    with connection.cursor() as cursor:
        cursor.execute(AUTHORS)
        found: list[tuple[str, str, str]] = cursor.fetchall()
    return found


def lines_of(filters: Filters) -> Iterator[Line]:
    """Every line, newest first, read through a server-side cursor: constant memory, whatever the size."""
    chunk: list[Any] = []
    for entry in filters.entries().order_by("-timestamp", "-id").iterator(chunk_size=1000):
        chunk.append(entry)
        if len(chunk) == 1000:
            yield from Display(chunk, full=True).lines()
            chunk = []
    yield from Display(chunk, full=True).lines()


def _first_lines(filters: Filters, heads: list[Any]) -> list[Any]:
    """The first entries of each action, by one query."""
    if not heads:
        return []
    among = Q(timestamp__gte=heads[-1]["timestamp"], timestamp__lte=heads[0]["timestamp"])
    ranked = filters.entries().filter(among, cid__in={head["cid"] for head in heads})
    place = Window(RowNumber(), partition_by=[F("timestamp"), F("cid"), F("actor_id")], order_by="id")
    return list(ranked.annotate(place=place).filter(place__lte=LINES_AN_ACTION).order_by("id"))


def _actions(heads: list[Any], entries: list[Any]) -> list[Action]:
    lines: dict[tuple[Any, ...], list[Line]] = {}
    for line in Display(entries).lines():
        lines.setdefault((line.entry.timestamp, line.entry.cid, line.entry.actor_id), []).append(line)
    return [
        _action(found[0].entry, head["total"], found)
        for head in heads
        if (found := lines.get((head["timestamp"], head["cid"], head["actor_id"])))
    ]


def _action(entry: Any, total: int, lines: list[Line]) -> Action:
    return Action(
        at=entry.timestamp,
        cid=entry.cid,
        who=entry.actor_name,
        author=entry.actor_id,
        actor_kind=entry.actor_kind,
        behalf=entry.actor_behalf,
        total=total,
        lines=lines,
    )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _unaccented(column: str) -> Func:
    return Func(Lower(column), function="ext.unaccent", output_field=TextField())
