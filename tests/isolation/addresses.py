"""Every address of every URLconf: where it stands, what it declares, and another's objects to fill it with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from django.urls import URLPattern, URLResolver, get_resolver

from shared_apps.accounts.access import Access, access_of
from shared_apps.accounts.models import Purpose, User
from shared_apps.history.registry import models_with_history
from shared_apps.integrators.models import Link
from shared_apps.kit import scope, tokens
from shared_apps.legal import documents
from shared_apps.mail import refusing
from shared_apps.mail.models import Message
from shared_apps.operators.models.grant import ENTER
from tests.conftest import Cast
from tests.isolation.canaries import Planted

URLCONFS = {
    "website": "config.urls_website",
    "app": "config.urls_app",
    "ops": "config.urls_ops",
    "tenant": "config.urls_tenant",
    "erasing": "config.urls_erasing",
}


@dataclass(frozen=True)
class Address:
    """`name` with its namespaces ("team:person"), "" for one without a name."""

    site: str
    pattern: str
    name: str
    callback: Callable[..., Any] = field(compare=False)
    arguments: tuple[str, ...] = ()

    @property
    def access(self) -> Access | None:
        return access_of(self.callback)

    def __str__(self) -> str:
        return f"{self.site} /{self.pattern}"

    def declared(self) -> str:
        """What it says about itself, on one line."""
        access = self.access
        said = "NOTHING: it answers 403" if access is None else access.right or access.kind
        return f"{self} {said}{' when suspended too' if access and access.when_suspended else ''}"


def addresses(site: str) -> Iterator[Address]:
    """Every address of a site, in the order of the URLconf."""
    yield from _inside(site, get_resolver(URLCONFS[site]).url_patterns, "", "", ())


def _inside(
    site: str, patterns: Sequence[Any], prefix: str, namespace: str, arguments: tuple[str, ...]
) -> Iterator[Address]:
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        taken = arguments + tuple(pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, (namespace, pattern.namespace)))
            yield from _inside(site, pattern.url_patterns, here, inner, taken)
        elif isinstance(pattern, URLPattern):
            name = ":".join(filter(None, (namespace, pattern.name)))
            yield Address(site, here, name, pattern.callback, taken)


# --- another's objects ------------------------------------------------------------------------------------


class Objects:
    """What fills an address's arguments: zenith's rows, and links that were made for another place.

    A new argument needs an entry in `_known`, under the address's name or the namespace of its module.
    """

    def __init__(self, victim: Cast, planted: Planted, *, links_of: Cast, linked: User) -> None:
        self.victim, self.planted, self.links_of, self.linked = victim, planted, links_of, linked

    def fills(self, address: Address) -> list[dict[str, Any]]:
        """The ways to fill the address; one empty way when it takes nothing."""
        if not address.arguments:
            return [{}]
        known = self._known(address)
        namespace = address.name.rpartition(":")[0]
        found = known.get(address.name) or known.get(namespace)
        assert found, (
            f"{address} (named {address.name!r}) takes {', '.join(address.arguments)}: say in "
            f"tests/isolation/addresses.py, Objects._known, which rows of another workspace fill it"
        )
        fills = [{name: way[name] for name in address.arguments if name in way} for way in found()]
        for fill in fills:
            missing = set(address.arguments) - fill.keys()
            assert not missing, (
                f"{address} takes {missing}, which Objects._known doesn't fill for {address.name!r}"
            )
        return fills

    def _known(self, address: Address) -> dict[str, Callable[[], list[dict[str, Any]]]]:
        row = self._row
        return {
            "team": lambda: [{"id": row("accounts.SignIn").user_id, "sign_in": row("accounts.SignIn").pk}],
            "accounts:revoke": lambda: [{"id": row("accounts.SignIn").pk}],
            "accounts:rename-passkey": lambda: [{"id": row("accounts.Passkey").pk}],
            "accounts:remove-passkey": lambda: [{"id": row("accounts.Passkey").pk}],
            "accounts:language": lambda: [{"code": "fr"}],
            "accounts": lambda: self._tokens(address),
            "app": lambda: self._tokens(address),
            "app:contact-proof": lambda: [{**self._tokens(address)[0], "kind": "contacts"}],
            "erasing": lambda: self._tokens(address),
            "workspace": lambda: [{"id": row("tenants.Export").pk}],
            **{
                f"workspace:leave-{verb}": lambda: [{"id": row("tenants.Departure").pk, "category": "data"}]
                for verb in ("day", "withdraw")
            },
            "history": self._histories,
            "contacts": lambda: [
                {"id": row("contacts.Contact").pk, "attachment": row("contacts.Attachment").pk}
            ],
            "contacts:attachment": self._attachments,
            "contacts:remove-attachment": self._attachments,
            "contacts:tag": lambda: [{"id": row("contacts.Tag").pk}],
            "contacts:remove-tag": lambda: [{"id": row("contacts.Tag").pk}],
            **{
                f"contacts:import-{page}": lambda: [{"id": row("contacts.Import").pk}]
                for page in ("preview", "columns", "progress", "report", "commit", "cancel")
            },
            "mail": lambda: [
                {"folder": str(self.victim.id), "stem": row("mail.Message").pk},
                {"folder": str(self.victim.tenant.client_id), "stem": row("mail.Message").pk},
            ],
            "mail:refuse": self._refusals,
            "website": lambda: [
                {"version": documents.current("terms", today=_today()).version, "language": "nl"}
            ],
            **{
                f"operators:{page}document": lambda: [{"kind": "privacy", "version": "1"}]
                for page in ("", "propose-", "confirm-", "withdraw-")
            },
            **{
                f"workspace:document{page}": lambda: [{"kind": "terms", "version": "1", "language": "fr"}]
                for page in ("", "-changes")
            },
            **{
                f"operators:{page}": lambda: [{"id": row("sharing.Disclosure").verification.partner_id}]
                for page in ("partner", "verify-partner", "end-partner")
            },
            "workspace:erase-person-preview": self._people,
            "workspace:erase-person-ask": self._people,
            "workspace:erase-person-asked": lambda: [{"id": row("tenants.Saga").pk}],
            "workspace:erase-person-cancel": lambda: [{"id": row("tenants.Saga").pk}],
            **{
                f"operators:{page}": lambda: [{"id": row("requests.Request").pk}]
                for page in ("request", "answer-request", "extend-request", "request-scan")
            },
            **{
                f"operators:{page}": lambda: [{"id": row("requests.Notice").breach_id}]
                for page in (
                    "breach",
                    "breach-authority",
                    "breach-no-authority",
                    "notify-breach",
                    "concern-breach",
                    "supplement-breach",
                )
            },
            **{
                namespace: lambda: [{"id": row("billing.Invoice").pk}]
                for namespace in ("invoices", "invoices-ops")
            },
            "invoices-contact": lambda: [{**self._tokens(address)[0], "id": row("billing.Invoice").pk}],
            "promises:promises": lambda: [{"language": "fr"}],
            "promises:promise": lambda: [{"id": "p12"}],
            "operators": lambda: [{"id": id} for id in (self.victim.tenant.client_id, self.victim.id)],
            "operators:move-day": lambda: [
                {"id": self.victim.tenant.client_id, "category": category}
                for category in ("data", "contacts")
            ],
            "operators:proof": lambda: [
                {"id": self.victim.tenant.client_id, "instruction": row("tenants.Departure").pk}
            ],
            "support": lambda: [{"id": row("operators.Grant").pk}],
            "support:enter": lambda: [{"token": self._ticket()}],
            "operators:open-grant": lambda: [{"id": row("operators.Grant").pk}],
            "operators:end-grant": lambda: [{"id": row("operators.Grant").pk}],
            "operators:retry-job": lambda: [{"id": row("jobs.Job").pk}],
            **{
                f"operators:{page}": lambda: [{"id": row("tenants.Saga").pk}]
                for page in ("saga", "progress", "retry")
            },
            "operators:integrator": lambda: [self._organisation()],
            "operators:resend-integrator": lambda: [self._organisation()],
            **{
                f"operators:{verb}": lambda: [{"id": self.victim.owner.pk}, {"id": self.linked.pk}]
                for verb in ("resend", "withdraw", "reset-factors", "deactivate", "reactivate")
            },
            "integrators": lambda: [{"id": id} for id in (self._live_link(), self.victim.tenant.client_id)],
            "integrator": lambda: [{"id": self._live_link()}],
            "organisation": lambda: [{"id": self.linked.pk}],
        }

    def _row(self, label: str) -> Any:
        rows = self.planted.rows.get(label)
        assert rows, f"no {label} was planted: see tests/isolation/canaries.py"
        return rows[0]

    def _live_link(self) -> Any:
        """By which zenith shows its contact details to one integrator."""
        with scope.shared():
            return Link.objects.live().get(client_id=self.victim.tenant.client_id).pk

    def _ticket(self) -> str:
        """What the console would make for another workspace."""
        with self.links_of.inside():
            return tokens.sign([str(self._row("operators.Grant").pk), "x"], purpose=ENTER)

    def _organisation(self) -> dict[str, Any]:
        with scope.shared():
            return {"id": self.linked.membership.organisation_id, "person": self.linked.pk}

    def _attachments(self) -> list[dict[str, Any]]:
        found = self._row("contacts.Attachment")
        return [{"id": found.contact_id, "attachment": found.pk}]

    def _histories(self) -> list[dict[str, Any]]:
        """Of each audited model of a workspace, one row."""
        ways = []
        for model in models_with_history(tenant=True):
            meta: Any = model._meta
            for row in self.planted.rows.get(meta.label, [])[:1]:
                ways.append({"module": meta.app_label, "model": meta.model_name, "key": str(row.pk)})
        return ways

    def _people(self) -> list[dict[str, Any]]:
        """Of each table of people, one row."""
        ways = []
        for label in ("contacts.Contact", "accounts.User"):
            module, model = label.lower().split(".")
            ways.append({"module": module, "model": model, "id": self._row(label).pk})
        return ways

    def _refusals(self) -> list[dict[str, Any]]:
        """The link of a mail that another workspace sent."""
        with self.links_of.inside():
            message = Message(purpose="toys.news", to_address=self.links_of.owner.email, language="en")
            with patch("shared_apps.mail.refusing.mail_class", return_value="information"):
                return [{"token": refusing.link(message).rstrip("/").rpartition("/")[2]}]

    def _tokens(self, address: Address) -> list[dict[str, Any]]:
        """The link that another workspace mailed for this very page, or what it could make of one."""
        purpose = address.name.partition(":")[2]
        with self.links_of.inside():
            if purpose in set(Purpose):
                person = User.objects.get(pk=self.links_of.owner.pk)
                return [{"token": person.link(Purpose(purpose)).split("/")[2]}]
            if address.site == "erasing":
                return [{"token": tokens.sign(str(self.victim.id), purpose="erasure.cancel")}]
            return [{"token": tokens.sign([str(self.victim.id), "x"], purpose="sign_up")}]


def _today() -> Any:
    from django.utils import timezone

    return timezone.localdate()
