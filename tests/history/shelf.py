"""Tables that exist only while a test of the history runs: every kind of column and relation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

from shared_apps import history
from shared_apps.history import triggers
from shared_apps.kit import scope
from shared_apps.kit.rows import Row
from tenants import roles

BUILDER = scope.Actor("system", "tests", "Tests")


class Tag(Row):
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "shelf"


class Shelf(Row):
    name = models.CharField(max_length=50)
    height = models.IntegerField(default=1)

    class Meta:
        app_label = "shelf"


class Book(Row):
    class Kind(models.TextChoices):
        NOVEL = "novel", "Novel"
        ATLAS = "atlas", "Atlas"

    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE, null=True, related_name="books")
    title = models.CharField("title", max_length=200)
    title_folded = models.CharField(max_length=200, blank=True)
    kind = models.CharField("kind", max_length=10, choices=Kind, default=Kind.NOVEL)
    price = models.DecimalField("price", max_digits=10, decimal_places=2, default=0)
    copies = models.IntegerField("copies", default=1)
    lent = models.BooleanField("lent out", default=False)
    bought_on = models.DateField("bought", null=True)
    seen_at = models.DateTimeField("seen", null=True)
    facts = models.JSONField(default=dict)
    code = models.CharField("lock code", max_length=20, blank=True)
    password = models.CharField(max_length=100, blank=True)
    tags = models.ManyToManyField(Tag, related_name="books")
    sequels = models.ManyToManyField("self", symmetrical=False, related_name="prequels")

    class Meta:
        app_label = "shelf"


class Number(models.Model):
    """A key that is no UUID."""

    name = models.CharField(max_length=50)

    class Meta:
        app_label = "shelf"

    def __str__(self) -> str:
        return self.name


MODELS: tuple[type[models.Model], ...] = (Tag, Shelf, Book, Number)
history.register(Tag, label="name")
history.register(Shelf, label="name")
history.register(
    Book, label="title", exclude=("title_folded",), mask=("code",), parent="shelf", m2m=("tags", "sequels")
)
history.register(Number, label="name")


def make_tables(tenant: Any) -> None:
    """Tables, content types, triggers and grants in a tenant's schema, for the transaction in force."""
    schema = scope.schema_of(tenant)
    with scope.owner(tenant=tenant, actor=BUILDER):
        with connection.schema_editor(atomic=False) as editor:
            for model in MODELS:
                editor.create_model(model)
        ContentType.objects.bulk_create(
            ContentType(app_label="shelf", model=str(model._meta.model_name)) for model in MODELS
        )
        ContentType.objects.clear_cache()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for statement in triggers.statements(schema, MODELS):
                cursor.execute(statement)
            for statement in roles.grants(schema):
                cursor.execute(statement)
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def installed() -> Iterator[None]:
    """As if an app "shelf" were installed: relations are seen from both ends, and deleting cascades."""
    config = AppConfig.create("tests.history")
    config.label, config.apps, config.models = "shelf", apps, apps.all_models["shelf"]
    apps.app_configs["shelf"] = config
    apps.clear_cache()
    try:
        yield
    finally:
        del apps.app_configs["shelf"]
        apps.clear_cache()


@contextmanager
def written() -> Iterator[list[Any]]:
    """The entries that the block adds in the schema in force, oldest first; filled when it ends."""
    from shared_apps.history.models import LogEntry

    last = LogEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    entries: list[Any] = []
    yield entries
    entries += LogEntry.objects.filter(id__gt=last).order_by("id")
