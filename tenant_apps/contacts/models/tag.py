"""Tags: the workspace's own words for groups of contacts."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold

if TYPE_CHECKING:
    from tenant_apps.contacts.models.contact import Contact

COLOURS = [
    (1, _("Green-blue")),
    (2, _("Orange")),
    (3, _("Blue")),
    (4, _("Purple")),
    (5, _("Pink")),
    (6, _("Grey")),
]


class Tag(Row):
    """`colour` is a number of the six chart colours. Two tags never differ by accents or case alone."""

    name = models.CharField(_("name"), max_length=50)
    name_folded = models.CharField(max_length=100, editable=False, db_collation="C")
    colour = models.PositiveSmallIntegerField(_("colour"), choices=COLOURS, default=1)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name_folded"]
        constraints = [
            models.UniqueConstraint(fields=["name_folded"], name="contacts_tag_name"),
            models.CheckConstraint(condition=models.Q(colour__range=(1, 6)), name="contacts_tag_colour"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name = " ".join(self.name.split())
        self.name_folded = self.key(self.name)
        super().save(*args, **kwargs)

    @staticmethod
    def key(name: str) -> str:
        """By which the tag of this name is found, "" for what is no name. Some signs fold into many: cut to its column."""
        return fold(name)[:100]

    @classmethod
    def named(cls, names: Collection[str]) -> "list[Self]":
        """The tags of these names; those that aren't there yet are made. Two people may do so at once."""
        wanted = {cls.key(name): " ".join(name.split()) for name in names if cls.key(name)}
        colour = cls.objects.count()
        missing = wanted.keys() - set(
            cls.objects.filter(name_folded__in=wanted).values_list("name_folded", flat=True)
        )
        cls.objects.bulk_create(
            [
                cls(name=wanted[folded], name_folded=folded, colour=(colour + place) % 6 + 1)
                for place, folded in enumerate(sorted(missing))
            ],
            ignore_conflicts=True,
        )
        return list(cls.objects.filter(name_folded__in=wanted))

    def change(self, *, name: str, colour: int, by: User) -> None:
        """Rename or recolour; contacts are found by the new name at once. Raises IntegrityError for a name in use."""
        with scope.acting(by.as_actor()):
            self.name, self.colour = name, colour
            self.save()
            self._reindexed(list(self.contacts.values_list("id", flat=True)))

    def remove(self, *, by: User) -> None:
        """Delete the tag; its contacts stay."""
        with scope.acting(by.as_actor()):
            ids = list(self.contacts.values_list("id", flat=True))
            self.delete()
            self._reindexed(ids)

    def put_on(self, contacts: "Collection[Contact]", *, by: User) -> None:
        """Give the tag to contacts; those that have it keep it."""
        with scope.acting(by.as_actor()):
            self.contacts.add(*contacts)
            self._reindexed([contact.id for contact in contacts])

    def _reindexed(self, ids: "Collection[UUID]") -> None:
        contacts: Any = Tag._meta.get_field("contacts").related_model
        contacts.reindex(ids)


history.register(Tag, label="name", exclude=("name_folded",))
