"""Contacts: the companies and people that a workspace deals with. Searching, sorting and the verbs on one of them.

`name_folded`, `city_folded` and `search` are twins made from the other columns by `derive`; the history leaves them out.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.lookups import TrigramWordSimilar
from django.contrib.postgres.search import TrigramWordSimilarity
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator
from django.db import connection, models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps import history
from shared_apps.accounts.models import User
from shared_apps.kit import numbers, places, scope
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold
from tenant_apps.contacts.models.tag import Tag

for field_class in (models.CharField, models.TextField):  # django.contrib.postgres itself isn't installed
    field_class.register_lookup(TrigramWordSimilar)

MATCHES = 200  # rows that a search ranks; whoever finds more adds a word
FEW = 5  # with fewer rows that hold the words, look-alikes are shown too
LOOKS_LIKE = 3  # the rank from which on a row only resembles the words
LIKE_A_NAME, LIKE_ANYTHING = (
    0.4,
    0.5,
)  # word similarities that count as a slip of the finger; tried on Belgian names
SEPARATORS = re.compile(r"[ .\-/()+]+")  # what people put into numbers
CODE = re.compile(r"\d+|[a-z]{2,3}\d{6,}(b\d\d)?")  # a phone, VAT or postal number without them
FORGOTTEN = (
    "first_name", "email", "phone", "mobile", "website", "street", "postal_code", "city", "vat_number", "iban", "notes",
    "job_title",
)  # fmt: skip


class CannotArchive(Exception):
    """The contact is archived already."""


class CannotRestore(Exception):
    """The contact isn't archived."""


class Kind(models.TextChoices):
    COMPANY = "company", _("Company")
    PERSON = "person", _("Person")


class Relation(models.TextChoices):
    """What a contact is to the workspace; each is a column `is_…` and several may hold at once."""

    CUSTOMER = "customer", _("Customer")
    SUPPLIER = "supplier", _("Supplier")
    PROSPECT = "prospect", _("Prospect")


class ContactQuerySet(models.QuerySet["Contact"]):
    def active(self) -> Self:
        return self.filter(archived_at=None)

    def archived(self) -> Self:
        return self.exclude(archived_at=None)

    def related_as(self, relation: str) -> Self:
        """Customers, suppliers or prospects. Raises ValueError for another word."""
        return self.filter(**{f"is_{Relation(relation).value}": True})

    def holding(self, words: Sequence[str]) -> Self:
        """Those whose search text holds every word: anywhere, or at a word's beginning when it is very short."""
        return self.filter(_holds_all(words))

    def beginning(self, words: Sequence[str]) -> Self:
        """Those whose name, as sorted, begins with the words."""
        return self.filter(name_folded__startswith=" ".join(words)).order_by("name_folded", "id")

    def like(self, words: Sequence[str], *, column: str = "name_folded") -> Self:
        """Those with a word like each of these: letters doubled, changed, forgotten or swapped. The likest first.

        The threshold that the index is asked with is set for the rest of the transaction.
        """
        threshold = LIKE_A_NAME if column == "name_folded" else LIKE_ANYTHING
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [str(threshold)]
            )
        found = self
        for word in words:
            either = models.Q(**{f"{column}__trigram_word_similar": word}) | models.Q(search__contains=word)
            for other in _swapped(word):
                either |= models.Q(search__contains=other)
            found = found.filter(either)
        return found.order_by(TrigramWordSimilarity(" ".join(words), column).desc(), "id")

    def found(self, text: str) -> Self:
        """The best MATCHES of those that people mean by these words, one more when there are more.

        Names that begin so come first, then those with such words, then the rest. Accents and case don't count. Only
        when few rows hold the words do look-alikes follow, with a `rank` of LOOKS_LIKE or more. Asks the database at once,
        for keys alone: two to six quick statements, whatever the size of the table.
        """
        words = terms(text)
        if not words:
            return self
        ids = self.beginning(words)._keys() | self.holding(words).order_by()._keys()
        long = [word for word in words if len(word) > 3]
        for column in ("name_folded", "search"):
            if len(ids) < FEW and long:
                ids |= self.like(long, column=column)._keys()
        likeness = TrigramWordSimilarity(" ".join(words), "name_folded")
        return (
            self.filter(pk__in=ids)
            .annotate(rank=_rank(words))
            .order_by("rank", likeness.desc(), "name_folded", "id")
        )

    def _keys(self) -> set[UUID]:
        return set(self.values_list("pk", flat=True)[: MATCHES + 1])

    def possible_duplicates(self, contact: "Contact", *, with_look_alikes: bool = False) -> Self:
        """Others with the same VAT number, e-mail or name; with look-alikes also those whose name is nearly the same."""
        same = models.Q()
        if contact.vat_number:
            same |= models.Q(vat_number=contact.vat_number)
        if contact.email:
            same |= models.Q(email__iexact=contact.email)
        if contact.name_folded:
            same |= models.Q(name_folded=contact.name_folded)
            words = [word for word in terms(contact.name) if len(word) > 3]
            if with_look_alikes and words:
                same |= models.Q(pk__in=self.like(words)._keys())
        if not same:
            return self.none()
        return self.filter(same).exclude(pk=contact.pk).order_by("name_folded", "id")


def terms(text: str) -> list[str]:
    """What is searched for: folded words, and numbers without the spaces and dots that people put into them."""
    folded = fold(text[:200])[:200]
    if CODE.fullmatch(compact := SEPARATORS.sub("", folded)):
        return [compact]
    return [word for word in re.split(r"[\s,;]+", folded) if word][:8]


def _swapped(word: str) -> set[str]:
    """The word with two neighbouring letters swapped: a slip that trigrams don't forgive in short words."""
    return {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)} - {word}


def _rank(words: Sequence[str]) -> models.Case:
    start, swapped = " ".join(words), models.Q()
    for word in words:
        for other in _swapped(word) if len(word) > 3 else ():
            swapped |= models.Q(search__contains=other)
    return models.Case(
        models.When(name_folded__startswith=start, then=0),
        models.When(search__startswith=f" {start}", then=0),
        models.When(search__contains=f" {start}", then=1),
        models.When(_holds_all(words), then=2),
        *([models.When(swapped, then=LOOKS_LIKE)] if swapped else []),
        default=LOOKS_LIKE + 1,
        output_field=models.SmallIntegerField(),
    )


def _holds_all(words: Sequence[str]) -> models.Q:
    held = models.Q()
    for word in words:
        held &= models.Q(search__contains=word if len(word) > 2 else f" {word}")
    return held


class Contact(Row):
    """A company or a person. A person may work at a company that is a contact too."""

    kind = models.CharField(
        pgettext_lazy("company or person", "kind"), max_length=10, choices=Kind, default=Kind.COMPANY
    )
    name = models.CharField(_("name"), max_length=200, blank=True)  # of a person: first and last name
    name_folded = models.CharField(
        max_length=400, editable=False, db_collation="C"
    )  # as sorted: "dupont marie"
    first_name = models.CharField(_("first name"), max_length=99, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    company = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="people", verbose_name=_("company")
    )
    job_title = models.CharField(pgettext_lazy("of a person at work", "role"), max_length=100, blank=True)
    is_customer = models.BooleanField(_("customer"), default=False)
    is_supplier = models.BooleanField(_("supplier"), default=False)
    is_prospect = models.BooleanField(_("prospect"), default=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="contacts", verbose_name=_("tags"))
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    mobile = models.CharField(_("mobile"), max_length=40, blank=True)
    website = models.URLField(_("website"), blank=True)
    street = models.CharField(_("street and number"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    city_folded = models.CharField(max_length=200, editable=False, db_collation="C")
    country = models.CharField(_("country"), max_length=2, blank=True)  # ISO 3166-1
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)  # compact, with its prefix
    iban = models.CharField(_("bank account (IBAN)"), max_length=34, blank=True)  # compact
    payment_days = models.PositiveSmallIntegerField(
        _("payment term"), null=True, blank=True, validators=[MaxValueValidator(365)]
    )  # calendar days
    language = models.CharField(_("language"), max_length=5, blank=True)
    notes = models.TextField(_("notes"), blank=True, validators=[MaxLengthValidator(20_000)])
    search = models.TextField(editable=False)  # folded words, a space before each
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("in the address book", "contact")
        verbose_name_plural = pgettext_lazy("in the address book", "contacts")
        ordering = ["name_folded", "id"]
        indexes = [
            models.Index(fields=["name_folded", "id"], name="contacts_by_name"),
            models.Index(
                fields=["name_folded", "id"], name="contacts_customers", condition=models.Q(is_customer=True)
            ),
            models.Index(
                fields=["name_folded", "id"], name="contacts_suppliers", condition=models.Q(is_supplier=True)
            ),
            models.Index(
                fields=["name_folded", "id"], name="contacts_prospects", condition=models.Q(is_prospect=True)
            ),
            models.Index(
                fields=["name_folded", "id"],
                name="contacts_archived",
                condition=models.Q(archived_at__isnull=False),
            ),
            models.Index(fields=["city_folded", "name_folded", "id"], name="contacts_by_city"),
            models.Index(fields=["-updated_at", "-id"], name="contacts_by_change"),
            models.Index(fields=["vat_number"], name="contacts_by_vat", condition=~models.Q(vat_number="")),
            models.Index(Lower("email"), name="contacts_by_email", condition=~models.Q(email="")),
            GinIndex(fields=["search"], opclasses=["gin_trgm_ops"], name="contacts_search"),
            GinIndex(fields=["name_folded"], opclasses=["gin_trgm_ops"], name="contacts_like_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["company", "person"]), name="contacts_contact_kind"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="contacts_contact_name"),
            models.CheckConstraint(
                condition=models.Q(kind="person") | models.Q(company=None, first_name="", last_name=""),
                name="contacts_only_people_work_somewhere",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contacts:record", args=[self.id])

    # --- what is stored ------------------------------------------------------------------------------------

    def clean(self) -> None:
        """Bring what was typed into the form that is stored. Raises ValidationError by field."""
        wrong: dict[str, ValidationError] = {}
        tidy: dict[str, Callable[[str], str]] = {
            "vat_number": lambda text: numbers.clean_vat(text, self.country),
            "iban": numbers.clean_iban,
            "phone": numbers.clean_phone,
            "mobile": numbers.clean_phone,
        }
        for field, tidied in tidy.items():
            try:
                setattr(self, field, tidied(getattr(self, field)))
            except ValidationError as error:
                wrong[field] = error
        if self.country and not places.is_country(self.country):
            wrong["country"] = ValidationError(_now("There is no country with this code."), code="country")
        if self.language and self.language not in places.WRITTEN:
            wrong["language"] = ValidationError(
                _now("Documents can’t be written in this language."), code="language"
            )
        wrong |= self._clean_kind()
        if wrong:
            raise ValidationError(wrong)

    def _clean_kind(self) -> dict[str, ValidationError]:
        if self.kind == Kind.COMPANY:
            self.first_name = self.last_name = self.job_title = ""
            self.company = None
            missing = {} if self.name.strip() else {"name": _now("A company needs a name.")}
        else:
            is_named = self.first_name.strip() or self.last_name.strip()
            missing = {} if is_named else {"last_name": _now("A person needs a first or a last name.")}
            self.name = " ".join(f"{self.first_name} {self.last_name}".split())
            if not self._state.adding and self.people.exists():
                missing["kind"] = _now("People work there: it can’t become a person.")
        return {field: ValidationError(text, code="missing") for field, text in missing.items()}

    @staticmethod
    def key(name: str) -> str:
        """By which a contact of this name is sorted and found. Some signs fold into many: cut to its column."""
        return fold(name)[:400]

    def derive(self, tags: Iterable[str] = ()) -> None:
        """Make the twins from the other columns. `tags` are folded names, which can be read only of a stored row."""
        if self.kind == Kind.PERSON:
            self.name = " ".join(f"{self.first_name} {self.last_name}".split())
            self.name_folded = self.key(f"{self.last_name} {self.first_name}")
        else:
            self.name = " ".join(self.name.split())
            self.name_folded = self.key(self.name)
        self.city_folded = fold(self.city)[:200]
        self.search = self._search_text(tags)

    def _search_text(self, tags: Iterable[str]) -> str:
        codes = [
            self.vat_number.lower(),
            *numbers.phone_digits(self.phone),
            *numbers.phone_digits(self.mobile),
        ]
        words = [self.name, self.email, self.city, self.postal_code]
        return f" {' '.join([*(fold(word) for word in words if word), *filter(None, codes), *tags])}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """With `update_fields`, the caller names the twins that its fields have."""
        if kwargs.get("update_fields") is None:
            self.derive([] if self._state.adding else self.tags.values_list("name_folded", flat=True))
        super().save(*args, **kwargs)

    @classmethod
    def reindex(cls, ids: Collection[UUID]) -> None:
        """Make the search text anew for contacts whose tags changed; no change that the history shows."""
        ids = list(ids)
        for start in range(0, len(ids), 500):
            here = Contact.objects.filter(pk__in=ids[start : start + 500]).order_by("pk")
            contacts = list(here.select_for_update().prefetch_related("tags"))
            for contact in contacts:
                contact.derive([tag.name_folded for tag in contact.tags.all()])
            Contact.objects.bulk_update(contacts, ["search"])

    # --- verbs ---------------------------------------------------------------------------------------------

    def keep(self, *, tags: Iterable[str], company_name: str = "", by: User, now: datetime) -> None:
        """Store a new or changed contact that was cleaned before, with its tags by name.

        A person's company is found by its name, or made when none has it.
        """
        with scope.acting(by.as_actor()):
            if self.kind == Kind.PERSON:
                self.company = self._company(company_name, now)
            self.updated_at = now
            found = Tag.named(list(tags))
            self.save()
            self.tags.set(found)
            self.derive([tag.name_folded for tag in found])
            self.save(update_fields=["search"])

    def _company(self, name: str, now: datetime) -> "Contact | None":
        folded = self.key(name)
        if not folded:
            return None
        if self.company and self.company.name_folded == folded:
            return self.company
        found = (
            Contact.objects.active()
            .filter(kind=Kind.COMPANY, name_folded=folded)
            .order_by("created_at")
            .first()
        )
        return found or Contact.objects.create(kind=Kind.COMPANY, name=name, created_at=now, updated_at=now)

    def forget(self, label: str, *, now: datetime) -> list[str]:
        """Take everything personal out of this contact: `label` stands for the name from now on.

        The row stays, since others name it by its key. Its files go: returns their names in the store, for whoever
        removes them once this is committed. Forms that are open are stale from now on, also those of whoever works here,
        which hold the name.
        """
        attachments: Any = self.attachments
        files = [name for name in attachments.values_list("file", flat=True) if name]
        attachments.all().delete()
        for field in FORGOTTEN:
            setattr(self, field, "")
        self.name, self.last_name = label, label if self.kind == Kind.PERSON else ""
        self.note_change(now)
        self.save()
        self.people.update(updated_at=now)
        return files

    def note_change(self, now: datetime) -> None:
        self.updated_at = now

    def archive(self, *, by: User, now: datetime) -> None:
        """Out of the lists, kept and found on demand. Raises CannotArchive."""
        if self.archived_at:
            raise CannotArchive(_now("%(name)s is archived already.") % {"name": self.name})
        self._set_archived(now, by, now)

    def restore(self, *, by: User, now: datetime) -> None:
        """Back into the lists. Raises CannotRestore."""
        if not self.archived_at:
            raise CannotRestore(_now("%(name)s isn’t archived.") % {"name": self.name})
        self._set_archived(None, by, now)

    def _set_archived(self, archived_at: datetime | None, by: User, now: datetime) -> None:
        with scope.acting(by.as_actor()):
            self.archived_at, self.updated_at = archived_at, now
            self.save(update_fields=["archived_at", "updated_at"])

    def remove(self, *, by: User) -> None:
        """Delete the contact with its attachments, for good; people who work there stay."""
        with scope.acting(by.as_actor()):
            for attachment in self.attachments.all():
                attachment.remove(by=by)
            self.delete()

    # --- as people read it -----------------------------------------------------------------------------------

    @property
    def is_person(self) -> bool:
        return self.kind == Kind.PERSON

    @property
    def relations(self) -> list[str]:
        """Customer, supplier, prospect in words."""
        return [str(relation.label) for relation in Relation if getattr(self, f"is_{relation.value}")]

    @property
    def vat_shown(self) -> str:
        return numbers.format_vat(self.vat_number)

    @property
    def iban_shown(self) -> str:
        return numbers.format_iban(self.iban)

    @property
    def bic(self) -> str:
        return numbers.bic_of(self.iban)

    @property
    def country_shown(self) -> str:
        return places.country_name(self.country) if self.country else ""

    @property
    def language_shown(self) -> str:
        return places.language_name(self.language) if self.language else ""


history.register(
    Contact,
    label="name",
    exclude=("name_folded", "city_folded", "search", "updated_at"),
    m2m=("tags",),
    shown={
        "vat_number": numbers.format_vat,
        "iban": numbers.format_iban,
        "country": places.country_name,
        "language": places.language_name,
    },
)
