"""Every client: workspace, company, state, release, size."""

from typing import Any

from shared_apps.kit import scope
from tenants import fleet
from tenants.management.client_command import ClientCommand
from tenants.models import Tenant


class Command(ClientCommand):
    help = __doc__

    def run(self, **options: Any) -> dict[str, Any]:
        with scope.shared():
            tenants = list(Tenant.objects.select_related("client").prefetch_related("domains"))
        sizes = fleet.sizes(tenants)
        return {
            "clients": [
                {
                    "subdomain": tenant.subdomain,
                    "company": tenant.client.company,
                    "state": tenant.state,
                    "release": tenant.release,
                    "bytes": sizes.get(tenant.id, 0),
                    "tenant": tenant.id,
                    "created_at": tenant.created_at,
                }
                for tenant in tenants
            ]
        }

    def say(self, result: dict[str, Any]) -> str:
        rows = [
            f"{c['subdomain']:<24} {c['state']:<11} {c['release']:<8} {c['bytes'] / 1e6:8.1f} MB  {c['company']}"
            for c in result["clients"]
        ]
        return "\n".join(rows) or "No client yet."
