"""Which schema, database role and author the queries of this thread or task have.

The scope is the only thing that decides whose rows a query reaches. It is a context variable, set by
the context managers below and by nothing else; the database wrapper reads it before every statement
and refuses to send one without it. Models, pages and mails have no part here.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import connection, transaction

ActorKind = Literal["user", "operator", "integrator", "contact", "job", "system"]
SCHEMA_NAME = re.compile(r"t_[0-9a-f]{32}\Z")


class ScopeError(Exception):
    """The scope does not allow what was asked."""


class NoScope(ScopeError):
    """A query, token or cache key was asked for outside every scope."""


class NoActor(ScopeError):
    """A change was made without saying who makes it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change. `behalf` names the person an operator or integrator acts for.

    A "contact" is whoever opened the link that was mailed to a client's address.
    """

    kind: ActorKind
    id: str
    name: str
    behalf: str = ""

    def as_json(self) -> str:
        """For the database: ASCII, and without NUL, which its text can't hold."""
        fields = {key: value.replace("\0", "") for key, value in asdict(self).items()}
        return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Scope:
    """One schema and one database role. `tenant` is set when the schema is a tenant's."""

    kind: Literal["tenant", "shared", "owner", "none"]
    schema: str
    role: str
    tenant: UUID | None = None


NONE = Scope("none", "", "")
SHARED = Scope("shared", "public", "smoall_shared")

_scope: ContextVar[Scope] = ContextVar("smoall_scope", default=NONE)
_actor: ContextVar[Actor | None] = ContextVar("smoall_actor", default=None)
_realm: ContextVar[str] = ContextVar("smoall_realm", default="")


def schema_of(tenant: UUID) -> str:
    """The schema name that belongs to a tenant's UUID, for ever."""
    return f"t_{tenant.hex}"


def tenant_of(schema: str) -> UUID:
    """The UUID in a tenant's schema name. Raises ScopeError for any other name."""
    if not SCHEMA_NAME.match(schema):
        raise ScopeError(f"{schema!r} is not a tenant's schema")
    return UUID(schema[2:])


def current() -> Scope:
    """The scope in force. Raises NoScope when there is none."""
    found = _scope.get()
    if found.kind == "none":
        raise NoScope("no tenant was entered and the shared door is closed")
    return found


def tenant_id() -> UUID | None:
    """The tenant in force, None in the shared schema. Raises NoScope outside every scope."""
    return current().tenant


def actor() -> Actor:
    """Who acts. Raises NoActor."""
    found = _actor.get()
    if found is None:
        raise NoActor("a change needs an author")
    return found


def actor_or_none() -> Actor | None:
    return _actor.get()


def realm() -> str:
    """What sessions, tokens and cache keys are bound to: the tenant's UUID, else the shared host ("app", "ops")."""
    here = current()
    return str(here.tenant) if here.tenant else _realm.get() or "shared"


@contextmanager
def _entered(scope: Scope, actor: Actor | None, realm: str | None = None) -> Iterator[Scope]:
    """The one place where the scope changes; restores what was before, whatever happens inside."""
    tokens = [(_scope, _scope.set(scope))]
    if actor is not None:
        tokens.append((_actor, _actor.set(actor)))  # type: ignore[arg-type]
    if realm is not None:
        tokens.append((_realm, _realm.set(realm)))  # type: ignore[arg-type]
    try:
        yield scope
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


@contextmanager
def _in_transaction(scope: Scope, actor: Actor | None, realm: str | None = None) -> Iterator[Scope]:
    """Enter, in a transaction of its own unless one is open: the settings are local to it."""
    with _entered(scope, actor or _outside(scope), realm):
        if connection.in_atomic_block:
            yield scope
        else:
            with transaction.atomic():
                yield scope


def _outside(scope: Scope) -> Actor | None:
    """Whose name stays behind when a workspace is left for shared rows: the person's for whom a job works.

    Those rows and their history know the job alone. By its key no erasure would find the person (P40).
    """
    who = _actor.get()
    if who and who.kind == "job" and _scope.get().tenant and not scope.tenant:
        return replace(who, behalf="")
    return None


def tenant(id: UUID, *, actor: Actor | None = None) -> "_Manager":
    """Enter one tenant's schema as `smoall_tenant`; with `actor` also as that author."""
    if not isinstance(id, UUID):
        raise ScopeError(f"a tenant is named by a UUID, not by {id!r}")
    return _in_transaction(Scope("tenant", schema_of(id), "smoall_tenant", id), actor)


def shared(*, actor: Actor | None = None, realm: str | None = None) -> "_Manager":
    """The one door to the shared schema, as `smoall_shared`. No business module may open it."""
    return _in_transaction(SHARED, actor, realm)


def owner(*, actor: Actor | None = None, tenant: UUID | None = None) -> "_Manager":
    """As `smoall_owner`, who may run DDL: the shared schema, or one tenant's when it is named."""
    schema = schema_of(tenant) if tenant else "public"
    return _in_transaction(Scope("owner", schema, "smoall_owner", tenant), actor)


def acting(actor: Actor) -> "_Manager":
    """Change the author only."""
    return _entered(_scope.get(), actor)


def nothing() -> "_Manager":
    """No scope at all: a query inside raises. For pages that must not read a row."""
    return _entered(NONE, None)


def start_process(scope: Scope) -> None:
    """Give a worker or command its outermost scope, once, before its first query. Web processes have none."""
    _scope.set(scope)


def start_in_tenant(id: UUID, actor: Actor) -> str:
    """Give a command one workspace and an author, once; returns what psql is told to stand there too (PGOPTIONS)."""
    here = Scope("tenant", schema_of(id), "smoall_tenant", id)
    start_process(here)
    _actor.set(actor)
    return f"-c search_path={here.schema},ext -c role={here.role}"


from contextlib import AbstractContextManager as _AbstractContextManager  # noqa: E402

_Manager = _AbstractContextManager[Scope]
