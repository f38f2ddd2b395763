from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0009_notice_received"),
    ]

    operations = [
        migrations.AddField(
            model_name="departure",
            name="link_generation",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
