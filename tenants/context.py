"""What the frame of a workspace's pages says about the contract: that there is a new version to read and accept."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenants import contract
from tenants.models import Tenant


def page(request: HttpRequest) -> dict[str, Any]:
    """`contract_asks`: for those who may accept it, asked of the database only where a release brings a second version."""
    person = getattr(request, "user", None)
    if getattr(request, "site", "") != "tenant" or not isinstance(person, User):
        return {}
    if not person.may("workspace.accept") or not contract.may_be_asked():
        return {}
    return {"contract_asks": SimpleLazyObject(_asked)}


def _asked() -> list[Any]:
    here = scope.tenant_id()
    with scope.shared():
        client = Tenant.objects.values_list("client_id", flat=True).filter(pk=here).first()
        return contract.asked(client) if client else []
