"""The history of every change, written by the database itself (I7).

`register` declares a table; triggers.py turns declarations into DDL, models.py holds the entries.
Importing this package loads no model, so that every models.py can import it.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.models import Model


def register(
    model: "type[Model]",
    *,
    label: str,
    exclude: Collection[str] = (),
    mask: Collection[str] = (),
    parent: str | None = None,
    m2m: Collection[str] = (),
    shown: Mapping[str, Callable[[str], str]] | None = None,
) -> None:
    """Have every change of `model`'s rows recorded. To be called at the bottom of a models.py.

    label: the column that names a row to people; its value is kept with each entry.
    exclude: fields that the history must not hold; a change of them alone makes no entry.
    mask: fields whose change is recorded without the values. Password fields are always excluded.
    parent: a foreign key whose row shows this one's changes in its own history.
    m2m: many-to-many fields without a model of their own; each one is named here or in `exclude`.
    shown: for fields whose value isn't what people write, what makes it so ("BE": "Belgium"); for pages and exports alone.
    Raises ImproperlyConfigured for a field that does not exist, a secret label or a forgotten many-to-many.
    """
    from shared_apps.history import registry

    registry.add(model, label=label, exclude=exclude, mask=mask, parent=parent, m2m=m2m, shown=shown or {})
