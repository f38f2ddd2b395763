"""What real releases do: a filled column on a table with rows, a table that refers to it, a rule, an index."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def fill(apps: Any, schema_editor: Any) -> None:
    contact = apps.get_model("contacts", "Contact")
    contact.objects.exclude(city="").update(nickname=models.functions.Upper("name"))


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]

    operations = [
        migrations.AddField("contact", "nickname", models.CharField(max_length=200, default="")),
        migrations.AlterField("attachment", "content_type", models.CharField(max_length=120)),
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
