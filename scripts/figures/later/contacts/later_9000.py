"""A filled column on a table with rows, a table that refers to it, a rule, an index, and Python."""

from pathlib import Path
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from tenant_apps.contacts.migrations import __path__ as folders

LAST = max(path.stem for folder in folders for path in Path(folder).glob("[0-9]*.py"))


def fill(apps: Any, schema_editor: Any) -> None:
    contact = apps.get_model("contacts", "Contact")
    contact.objects.exclude(city="").update(nickname=models.functions.Upper("name"))


class Migration(migrations.Migration):
    dependencies = [("contacts", LAST)]

    operations = [
        migrations.AddField("contact", "nickname", models.CharField(max_length=200, default="")),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.CreateModel(
            "Visit",
            [
                ("id", models.UUIDField(primary_key=True)),
                (
                    "contact",
                    models.ForeignKey("contacts.contact", on_delete=django.db.models.deletion.CASCADE),
                ),
            ],
        ),
        migrations.AddIndex("contact", models.Index(fields=["nickname"], name="contacts_nickname")),
        migrations.AddConstraint(
            "contact",
            models.CheckConstraint(condition=~models.Q(nickname="?"), name="contacts_nickname_known"),
        ),
    ]
