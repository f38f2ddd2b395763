"""A copy is written, and loaded into a new workspace."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import export, restore
from tenants.models import Saga, State, Tenant
from tests.conftest import TESTER
from tests.crash.scenarios.stage import RECIPIENT, SECRET, Case, is_done, label, run, scenario, workspace
from tests.isolation import catalog


@scenario("export", "export")
def export_() -> Case:
    tenant = workspace("copied")
    told = {"mail_message", "history_event", "history_logentry"}  # the mail, and the note in the history
    before = catalog.checksums(tenant.schema_name, but=told)
    with scope.acting(TESTER):
        found = export.request(tenant.id, RECIPIENT, now=timezone.now())

    def check() -> None:
        is_done(found.saga)  # type: ignore[arg-type]
        with scope.shared():
            found.refresh_from_db()
            assert "sealed" not in Saga.objects.get(pk=found.saga).data
        assert found.ready_at and export.path_of(found).stat().st_size == found.size
        assert [path.name for path in export.path_of(found).parent.iterdir()] == [export.path_of(found).name]
        with restore.opened(export.path_of(found), SECRET) as reader:
            restore.check(reader)
        with scope.tenant(tenant.id):
            assert Message.objects.filter(purpose="tenants.export").count() == 1
            assert Event.objects.count() == 1
        assert catalog.checksums(tenant.schema_name, but=told) == before

    return Case(found.saga, check, run(found.saga))  # type: ignore[arg-type]


@scenario("restore", "restore")
def restore_() -> Case:
    name, (source, path) = label("back"), archive()
    with scope.acting(TESTER):
        saga = restore.request(path, SECRET, subdomain=name)

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert (tenant.pk, tenant.state) == (saga.subject, State.ACTIVE)
            assert "sealed" not in Saga.objects.get(pk=saga.pk).data
            assert Client.objects.filter(company=source.client.company).count() == 2, "its own details, once"
        assert rows_of(tenant) == rows_of(source)
        with scope.tenant(tenant.id):
            assert User.objects.count() == 3
            assert Message.objects.filter(purpose="tenants.restored").count() == 1
            with default_storage.open("contacts/a/scan.pdf") as file:
                assert file.read() == b"%PDF scan"

    return Case(saga.pk, check, run(saga.pk))


def archive() -> tuple[Tenant, Path]:
    """A workspace and a copy of it that its owner has kept."""
    tenant = workspace("source")
    kept = Path(settings.SMOALL_DATA) / "kept.age"
    with kept.open("wb") as file:
        export.write(tenant.id, file, [RECIPIENT], now=timezone.now())
    return tenant, kept


def rows_of(tenant: Tenant) -> dict[str, str]:
    """Checksums of what a copy must have; its people come without password and session, and it tells its own."""
    own = {"mail_message", "accounts_user", "accounts_session", "accounts_throttle"}
    return catalog.checksums(tenant.schema_name, but=own)
