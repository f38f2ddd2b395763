"""Workspaces of tests that commit, transactions that are undone, threads that are ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import ADMIN, MEMBER, OWNER
from shared_apps.kit.rows import uuid7
from tenants import provision
from tenants.keys import KeyStore
from tenants.models import Tenant
from tests.conftest import TESTER


def workspace(name: str, *, people: bool = False) -> Tenant:
    """A committed workspace at `name`, with an owner who has entered; with `people` an administrator and a member too."""
    from shared_apps.accounts.models import User

    with scope.shared(actor=TESTER):
        id = uuid7()
        client = Client.objects.create(
            company=f"{name} company", contact_name=f"{name} contact", contact_email=f"{name}@c.test"
        )
        KeyStore.default().ensure(id)
        provision.create(id, client=client, subdomain=name, person=None, by=TESTER)
        with scope.tenant(id, actor=TESTER):
            for role in (OWNER, ADMIN, MEMBER) if people else (OWNER,):
                User.objects.create_user(
                    name=f"{name} {role.name.lower()}", email=f"{role.name.lower()}@{name}.test", language="en", role=role,
                    password="correct horse battery",
                )  # fmt: skip
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=id)


@contextmanager
def undone() -> Iterator[None]:
    """A savepoint or transaction that is rolled back."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)
