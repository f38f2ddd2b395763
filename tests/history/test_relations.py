"""P06: what one statement does to other tables is recorded too: cascades and many-to-many changes."""

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests.conftest import Cast
from tests.history.shelf import Book, Shelf, Tag, written

pytestmark = pytest.mark.usefixtures("library")


def _told(entries: list[Any]) -> list[tuple[str, int, str]]:
    return sorted((entry.table_name, entry.action, entry.object_pk) for entry in entries)


def test_P06_a_cascade_records_every_row_it_deletes(library: Cast) -> None:
    shelf, tag = Shelf.objects.create(name="North"), Tag.objects.create(name="old")
    books = [Book.objects.create(title=f"Volume {n}", shelf=shelf) for n in range(3)]
    books[0].tags.add(tag)
    expected = [("shelf_book", 2, str(book.pk)) for book in books]
    expected += [("shelf_shelf", 2, str(shelf.pk)), ("shelf_book_tags", 1, str(books[0].pk))]
    with written() as entries:
        shelf.delete()
    assert _told(entries) == sorted(expected)
    assert {entry.actor_id for entry in entries} == {str(library.owner.id)}
    assert len({entry.cid for entry in entries}) == 1


def test_P06_each_many_to_many_change_is_an_entry_of_the_row_that_has_the_field(library: Cast) -> None:
    book = Book.objects.create(title="Atlas")
    one, two, three = (Tag.objects.create(name=name) for name in ("one", "two", "three"))
    with written() as added:
        book.tags.add(one, two)
    with written() as reset:
        book.tags.set([two, three])
    with written() as removed:
        book.tags.remove(two)
    with written() as cleared:
        book.tags.clear()
    type_ = ContentType.objects.get(app_label="shelf", model="book")
    for entries in (added, reset, removed, cleared):
        for entry in entries:
            assert (entry.content_type_id, entry.object_pk, entry.object_repr) == (
                type_.id,
                str(book.pk),
                "Atlas",
            )
            assert (entry.action, entry.module, entry.table_name) == (1, "shelf", "shelf_book_tags")
            assert entry.actor_name == library.owner.name
    keys = {tag: str(tag.pk) for tag in (one, two, three)}
    assert _sides(added) == sorted([[None, keys[one]], [None, keys[two]]], key=str)
    assert _sides(reset) == sorted([[keys[one], None], [None, keys[three]]], key=str)
    assert _sides(removed) == [[keys[two], None]]
    assert _sides(cleared) == [[keys[three], None]]


def _sides(entries: list[Any]) -> list[Any]:
    return sorted((entry.changes["tags"] for entry in entries), key=str)


def test_P06_a_change_from_the_other_end_counts_for_the_same_row() -> None:
    book, tag = Book.objects.create(title="Atlas"), Tag.objects.create(name="old")
    with written() as entries:
        tag.books.add(book)
        tag.books.clear()
    assert [entry.object_pk for entry in entries] == [str(book.pk)] * 2


def test_P06_rows_of_the_same_model_may_be_related() -> None:
    first, second = Book.objects.create(title="I"), Book.objects.create(title="II")
    with written() as entries:
        first.sequels.add(second)
    assert [(e.object_pk, e.changes) for e in entries] == [
        (str(first.pk), {"sequels": [None, str(second.pk)]})
    ]


def test_P06_many_to_many_rows_written_by_sql_or_in_bulk_are_recorded() -> None:
    book, tags = Book.objects.create(title="Atlas"), [Tag.objects.create(name=str(n)) for n in range(3)]
    through: Any = Book.tags.through
    with written() as entries:
        through.objects.bulk_create(through(book_id=book.pk, tag_id=tag.pk) for tag in tags)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM shelf_book_tags WHERE tag_id = %s", [tags[0].pk])
    assert _sides(entries) == sorted([*([None, str(t.pk)] for t in tags), [str(tags[0].pk), None]], key=str)


def test_a_row_shows_its_changes_in_the_history_of_its_parent() -> None:
    shelf = Shelf.objects.create(name="North")
    with written() as entries:
        book = Book.objects.create(title="Atlas", shelf=shelf)
        book.title = "Big atlas"
        book.save()
        Book.objects.create(title="Without a shelf")
    type_ = ContentType.objects.get(app_label="shelf", model="shelf")
    assert [(e.parent_type_id, e.parent_pk) for e in entries] == [(type_.id, str(shelf.pk))] * 2 + [
        (None, "")
    ]
