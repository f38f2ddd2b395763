"""The rows of a client's life: workspace, address, sign-up, long work, exports, departures, erasures. All in the shared schema.

The verbs are beside: provision.py, export.py, restore.py, departure.py, erasure.py.
"""

from shared_apps import history
from shared_apps.kit.hosts import host_url
from tenants.models.departure import PROOFS, Category, Departure, Instruction
from tenants.models.deployment import Deployment
from tenants.models.erasure import Erasure, LedgerHead
from tenants.models.export import Export
from tenants.models.fleet import Drift, FleetEntry, PoolSchema
from tenants.models.saga import Saga
from tenants.models.sign_up import SignUp, WorkspaceSearch
from tenants.models.snapshot import Snapshot
from tenants.models.tenant import CannotAct, Domain, RetiredName, State, Tenant

__all__ = [
    "PROOFS",
    "CannotAct",
    "Category",
    "Departure",
    "Deployment",
    "Domain",
    "Drift",
    "Erasure",
    "Export",
    "FleetEntry",
    "Instruction",
    "LedgerHead",
    "PoolSchema",
    "RetiredName",
    "Saga",
    "SignUp",
    "Snapshot",
    "State",
    "Tenant",
    "WorkspaceSearch",
    "host_url",
]

history.register(Tenant, label="schema_name")
history.register(Domain, label="domain")
history.register(Export, label="recipient", exclude=("requested_by",))
history.register(Departure, label="origin", exclude=("noticed_by", "contacts_said_on", "link_generation"))
history.register(Instruction, label="kind", exclude=("given_by", "proof", "proof_type"), parent="departure")
