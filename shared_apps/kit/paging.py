"""Pages of long lists: counting stops where nobody would page to, so that a list's cost doesn't grow with the table."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST = 5_000  # rows that are counted and paged through; beyond, one searches


class Pages(Paginator):  # type: ignore[type-arg]
    """A Paginator over a queryset that counts up to `most` rows. `is_capped` tells that there are more."""

    object_list: "QuerySet[Any]"

    def __init__(self, rows: "QuerySet[Any]", per_page: int = 50, *, most: int = MOST) -> None:
        super().__init__(rows, per_page)
        self.most = most

    @cached_property
    def _counted(self) -> int:
        return counted(self.object_list, self.most)

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.most)

    @property
    def is_capped(self) -> bool:
        return self._counted > self.most


def counted(rows: "QuerySet[Any]", most: int = MOST) -> int:
    """How many rows there are; `most` + 1 stands for any number beyond. Its cost ends there too."""
    return rows.order_by().values("pk")[: most + 1].count()


def page_of(rows: "QuerySet[Any]", number: object, *, per_page: int = 50) -> "Page[Any]":
    """The page of that number as it came with the request; the nearest one when there is no such page."""
    return Pages(rows, per_page).get_page(str(number or 1))
