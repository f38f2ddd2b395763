"""The house rules see what they are meant to see, and nothing else."""

import ast
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
    ("tenant_apps/contacts/models.py", 'cursor.execute("SET search_path TO " + other)'),
    ("tenant_apps/contacts/models.py", 'cursor.execute("set local  search_path to public")'),
    ("shared_apps/mail/sending.py", 'cursor.execute("SET ROLE smoall_owner")'),
    ("shared_apps/mail/sending.py", 'cursor.execute("RESET ROLE")'),
    ("shared_apps/mail/sending.py", "cursor.execute(\"SELECT set_config('search_path', %s, true)\", [x])"),
    ("tenants/export.py", f'cursor.execute("SELECT * FROM t_{"0" * 32}.accounts_user")'),
    ("tenants/export.py", 'cursor.execute(f"SELECT * FROM {scope.schema_of(id)}.accounts_user")'),
    ("tenants/export.py", 'cursor.execute(f"SELECT * FROM {tenant.schema_name}.accounts_user")'),
    ("tenants/export.py", 'cursor.execute(f"DELETE FROM {schema}.accounts_user")'),
    ("tenants/export.py", 'table = f"{here.schema}.accounts_user"'),
    ("tenants/export.py", 'cursor.execute("SELECT * FROM %s.accounts_user" % schema)'),
    ("tenants/export.py", 'cursor.execute("SELECT * FROM {}.accounts_user".format(here.schema))'),
    ("tenants/export.py", "sql.SQL(text).format(sql.Identifier(schema))"),
    ("shared_apps/operators/health.py", "from shared_apps.kit.scope import schema_of"),
    ("shared_apps/operators/health.py", "where = 'FROM ' + tenant.schema_name"),
    ("tenant_apps/contacts/migrations/0002.py", "migrations.RunSQL('SET LOCAL ROLE smoall_owner')"),
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
    ("shared_apps/kit/templates/kit/page.html", '<img width="1" src="//pixel.example/1.gif" alt="">'),
    ("shared_apps/kit/templates/kit/page.html", '<form method="post" action="https://form.example/">'),
    ("shared_apps/kit/templates/kit/page.html", '<div hx-get="https://api.example/x"></div>'),
    ("shared_apps/kit/styles/app.css", "@font-face { src: url(https://fonts.example/a.woff2); }"),
    ("shared_apps/kit/styles/app.css", '@import "//fonts.example/a.css";'),
    ("shared_apps/kit/static/kit/x.js", 'await fetch("https://stats.example/hit");'),
    ("shared_apps/kit/static/kit/x.js", "navigator.sendBeacon(`//stats.example/${id}`);"),
    ("shared_apps/kit/static/kit/x.js", 'import { a } from "https://cdn.example/a.js";'),
]
SOUND = [
    ("tenants/keys.py", "with scope.tenant(id):\n    pass"),
    ("shared_apps/kit/pool.py", "import threading\nthreading.Thread(target=print).start()"),
    ("tenants/export.py", "with scope.shared():\n    pass"),
    ("tenants/export.py", 'archive.add_bytes("schema.sql", schema.encode())'),
    ("tenants/export.py", 'cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [id])'),
    ("tenants/export.py", 'raise ValueError(f"{self.kind} has no place in {scope.current().schema}")'),
    ("tenants/schemas/snapshot.py", 'cursor.execute(f"CREATE SCHEMA {scope.schema_of(id)}")'),
    ("shared_apps/kit/scope.py", "schema_of(id)"),
    ("tenant_apps/contacts/models.py", 'text = "An owner set the role of whoever has the t_shirt"'),
    ("tenants/export.py", "import os\nsubprocess.run(['pg_dump'], env={**os.environ, 'PGPASSWORD': x})"),
    ("config/env.py", "import os\nkey = os.environ['KEY']"),
    ("tenants/migrations/0002.py", "migrations.RunSQL('UPDATE tenants SET state = 1')"),
    (
        "shared_apps/kit/templates/kit/page.html",
        '<script src="{% static "kit/app.js" %}" type="module"></script>',
    ),
    ("shared_apps/kit/templates/kit/page.html", '<a href="https://example.org/" class="style">Elsewhere</a>'),
    ("shared_apps/kit/static/kit/x.js", 'await fetch("/contacts/");  // see https://example.org/'),
    ("shared_apps/kit/static/kit/x.js", "const svg = 'http://www.w3.org/2000/svg';"),
    ("shared_apps/kit/styles/app.css", "a { background: url(/static/a.svg); } /* https://example.org/ */"),
]


@pytest.mark.parametrize(("path", "text"), BROKEN)
def test_a_broken_rule_is_found(path: str, text: str) -> None:
    assert list(checks.findings(Path(path), text))


@pytest.mark.parametrize(("path", "text"), SOUND)
def test_what_is_sound_passes(path: str, text: str) -> None:
    assert not list(checks.findings(Path(path), text))


@pytest.mark.parametrize("path", sorted(checks.NAMES_SCHEMAS))
def test_whatever_may_name_schemas_does(path: str) -> None:
    """The list stays as short as it can be."""
    tree = ast.parse((checks.ROOT / path).read_text())
    assert any(checks._schemas(node) for node in ast.walk(tree))
