"""The house rules see what they are meant to see, and nothing else."""

from pathlib import Path

import pytest

from scripts import checks

BROKEN = [
    ("tenants/keys.py", "with tenant:\n    pass"),
    ("tenants/keys.py", "connection.set_schema('acme')"),
    ("tenants/keys.py", "connection.set_schema_to_public()"),
    ("tenants/keys.py", "from django_tenants.utils import schema_context"),
    ("shared_apps/jobs/run.py", "import threading\nthreading.Thread(target=print).start()"),
    ("shared_apps/jobs/run.py", "from threading import Thread"),
    ("tenant_apps/contacts/models.py", "from django.db.models.signals import post_save"),
    ("tenant_apps/contacts/models.py", "from django.dispatch import receiver"),
    ("tenant_apps/contacts/models.py", "with scope.shared():\n    pass"),
    ("tenant_apps/contacts/models.py", "from shared_apps.kit.scope import owner\nowner()"),
    ("tenant_apps/contacts/models.py", "import os\nkey = os.environ['KEY']"),
    ("tenant_apps/contacts/models.py", "import os\nkey = os.environ.get('KEY')"),
    ("tenant_apps/contacts/models.py", "import os\nkey = os.getenv('KEY')"),
    ("tenant_apps/contacts/utils.py", ""),
    ("tenants/migrations/0002.py", "migrations.RunSQL('UPDATE tenants SET at = now()')"),
    ("tenants/migrations/0002.py", "migrations.RunSQL('CREATE MATERIALIZED VIEW v AS SELECT 1')"),
    ("tenants/migrations/0002.py", "migrations.AddField('t', 'id', models.UUIDField(default=uuid.uuid4))"),
    ("tenants/migrations/0002.py", "models.GenericIPAddressField()"),
    ("docs/guide.md", "This is a TO" + "DO."),
    ("tenants/keys.py", "x = 1  # FIX" + "ME later"),
    ("shared_apps/kit/templates/kit/page.html", '<p style="color: red">Hello</p>'),
    ("shared_apps/kit/templates/kit/page.html", '<button onclick="go()">Go</button>'),
    ("shared_apps/kit/templates/kit/page.html", "<style>p {}</style>"),
    ("shared_apps/kit/templates/kit/page.html", "<script>go()</script>"),
    ("shared_apps/kit/templates/kit/page.html", '<script src="https://cdn.example/x.js"></script>'),
]
SOUND = [
    ("tenants/keys.py", "with scope.tenant(id):\n    pass"),
    ("shared_apps/kit/pool.py", "import threading\nthreading.Thread(target=print).start()"),
    ("tenants/export.py", "with scope.shared():\n    pass"),
    ("tenants/export.py", "import os\nsubprocess.run(['pg_dump'], env={**os.environ, 'PGPASSWORD': x})"),
    ("config/env.py", "import os\nkey = os.environ['KEY']"),
    ("tenants/migrations/0002.py", "migrations.RunSQL('UPDATE tenants SET state = 1')"),
    (
        "shared_apps/kit/templates/kit/page.html",
        '<script src="{% static "kit/app.js" %}" type="module"></script>',
    ),
    ("shared_apps/kit/templates/kit/page.html", '<a href="https://example.org/" class="style">Elsewhere</a>'),
]


@pytest.mark.parametrize(("path", "text"), BROKEN)
def test_a_broken_rule_is_found(path: str, text: str) -> None:
    assert list(checks.findings(Path(path), text))


@pytest.mark.parametrize(("path", "text"), SOUND)
def test_what_is_sound_passes(path: str, text: str) -> None:
    assert not list(checks.findings(Path(path), text))
