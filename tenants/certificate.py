"""The certificate of an erasure: what was destroyed, what the law keeps, which copies are elsewhere.

A canonical JSON document, signed with the deployment's Ed25519 key. It names nobody: UUIDs, kinds, counts,
dates. verifiers/verify_certificate.py checks it without Smoall. Not here: the erasing (erasure.py).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from babel.dates import format_date
from babel.numbers import format_decimal

from shared_apps.kit.dates import BRUSSELS, day_of
from tenants import canonical, keys
from tenants.keys import KeyStore, PublicKeys, Signature

FORMAT, VERSION = "smoall-erasure-certificate", 1
PHYSICAL_DAYS = 7  # I13: the longest that a write-ahead log, replica or cluster backup may stay
ASKED_FOR = "its deletion is asked for, and again each hour until it is done"  # of what somebody else holds
CODE = re.compile(r"[a-z][a-z0-9_.:-]{0,79}\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class CannotIssue(ValueError):
    """The certificate would say something untrue or name somebody; the message says what."""


class BadCertificate(ValueError):
    """Not a certificate of Smoall's, or an altered one. `reason` is for people, in English."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Store:
    store: str  # a code: schema, files, exports, queue, cache, outbox, sessions, backups, key, shared
    what: str  # a table, a kind of file
    counted_before: int
    counted_after: int  # counted again after the destruction: has to be 0


@dataclass(frozen=True, slots=True)
class Kept:
    what: str  # issued_invoices, contact_details, or words
    legal_basis: str  # or ASKED_FOR
    until: date | None  # None: for as long as the basis says


@dataclass(frozen=True, slots=True)
class Copy:
    taken_at: datetime
    to: str  # the kind of who took it: owner, operator, folder
    bytes: int
    sha256: str  # of the file as it was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Moments are aware; seconds count. `last_physical_copy_on` is a day in Brussels."""

    id: UUID
    controller: str
    tenant: UUID
    client: UUID
    requested_by: str  # a kind: owner, contact, operator, notice
    requested_at: datetime
    closed_at: datetime
    destroyed_at: datetime
    issued_at: datetime
    stores: Sequence[Store]
    exceptions: Sequence[Kept]
    copies: Sequence[Copy]
    last_physical_copy_on: date
    release: str

    @property
    def is_of_contacts(self) -> bool:
        """Of the contact details, which outlive the workspace: without its tables."""
        return not any(one.store == "schema" for one in self.stores)

    def as_document(self) -> dict[str, Any]:
        """The document as JSON values, before the key's id and the signature."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "id": str(self.id),
            "controller": self.controller,
            "tenant": str(self.tenant),
            "client": str(self.client),
            "requested_by": self.requested_by,
            "requested_at": _moment(self.requested_at),
            "closed_at": _moment(self.closed_at),
            "destroyed_at": _moment(self.destroyed_at),
            "issued_at": _moment(self.issued_at),
            "stores": [
                {
                    "store": one.store,
                    "what": one.what,
                    "counted_before": one.counted_before,
                    "counted_after": one.counted_after,
                }
                for one in self.stores
            ],
            "exceptions": [
                {
                    "what": one.what,
                    "legal_basis": one.legal_basis,
                    "until": one.until.isoformat() if one.until else None,
                }
                for one in self.exceptions
            ],
            "copies": [
                {"taken_at": _moment(one.taken_at), "to": one.to, "bytes": one.bytes, "sha256": one.sha256}
                for one in self.copies
            ],
            "last_physical_copy_on": self.last_physical_copy_on.isoformat(),
            "release": self.release,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Certificate":
        """The reverse. Raises BadCertificate when anything is missing, unknown or of another form."""
        try:
            read = cls(
                id=UUID(document["id"]),
                controller=document["controller"],
                tenant=UUID(document["tenant"]),
                client=UUID(document["client"]),
                requested_by=document["requested_by"],
                requested_at=_read_moment(document["requested_at"]),
                closed_at=_read_moment(document["closed_at"]),
                destroyed_at=_read_moment(document["destroyed_at"]),
                issued_at=_read_moment(document["issued_at"]),
                stores=tuple(Store(**one) for one in document["stores"]),
                exceptions=tuple(
                    Kept(**{**one, "until": date.fromisoformat(one["until"]) if one["until"] else None})
                    for one in document["exceptions"]
                ),
                copies=tuple(
                    Copy(**{**one, "taken_at": _read_moment(one["taken_at"])}) for one in document["copies"]
                ),
                last_physical_copy_on=date.fromisoformat(document["last_physical_copy_on"]),
                release=document["release"],
            )
            is_same = read.as_document() == document
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadCertificate("It does not have the form of a certificate.") from error
        if not is_same:
            raise BadCertificate("It does not have the form of a certificate.")
        return read


@dataclass(frozen=True, slots=True)
class Issued:
    text: str  # canonical JSON with its signature: what is kept and given
    document: Mapping[str, Any]
    sha256: str  # of the text in UTF-8


@dataclass(frozen=True, slots=True)
class Verified:
    certificate: Certificate
    document: Mapping[str, Any]
    key_id: str


def issue(certificate: Certificate, store: KeyStore) -> Issued:
    """Signs it. Raises CannotIssue when something is left, dates don't follow, or somebody could be named."""
    _refuse_untruth(certificate)
    _refuse_names(certificate)
    document = certificate.as_document()
    document["key_id"] = store.signing_key_id()
    try:
        signature = store.sign(canonical.dumps(document), key_id=document["key_id"])
        document["signature"] = signature.value
        text = canonical.dumps(document)
    except canonical.NotCanonical as error:
        raise CannotIssue(f"The certificate can't be written: {error}.") from error
    return Issued(text.decode(), document, hashlib.sha256(text).hexdigest())


def verify(text: str | bytes, public_keys: PublicKeys) -> Verified:
    """Checks form and signature; only white space may differ from what was issued. Raises BadCertificate."""
    try:
        document = canonical.loads(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise BadCertificate("This is not an erasure certificate of Smoall's.")
        if document.get("version") != VERSION:
            raise BadCertificate("It was made by a later release of Smoall.")
        signed = {name: value for name, value in document.items() if name != "signature"}
        signature = Signature(str(document.get("key_id")), str(document.get("signature")))
        keys.verify(canonical.dumps(signed), signature, public_keys)
    except canonical.NotCanonical as error:
        raise BadCertificate(f"It can't be read: {error}.") from error
    except keys.BadSignature as error:
        raise BadCertificate(str(error)) from error
    facts = {name: value for name, value in signed.items() if name != "key_id"}
    return Verified(Certificate.from_document(facts), document, signature.key_id)


def _refuse_untruth(certificate: Certificate) -> None:
    left = [one for one in certificate.stores if one.counted_after != 0 or one.counted_before < 0]
    if left:
        raise CannotIssue(f"Not everything is erased: {left[0].counted_after} left of {left[0].what}.")
    moments = [
        certificate.requested_at,
        certificate.closed_at,
        certificate.destroyed_at,
        certificate.issued_at,
    ]
    if any(moment.tzinfo is None for moment in [*moments, *(one.taken_at for one in certificate.copies)]):
        raise CannotIssue("A moment has no time zone.")
    if moments != sorted(moments):
        raise CannotIssue("Requested, closed, destroyed, issued: these moments do not follow one another.")
    destroyed_on = day_of(certificate.destroyed_at)
    if not destroyed_on <= certificate.last_physical_copy_on <= destroyed_on + timedelta(days=PHYSICAL_DAYS):
        raise CannotIssue(f"The last physical copy goes within {PHYSICAL_DAYS} days after the destruction.")


def _refuse_names(certificate: Certificate) -> None:
    """Codes where codes belong; no e-mail address anywhere."""
    codes = [one.store for one in certificate.stores] + [one.to for one in certificate.copies]
    for code in [certificate.requested_by, *codes]:
        if not CODE.match(code):
            raise CannotIssue(f"{code!r} is not a code: it could name somebody.")
    for copy in certificate.copies:
        if not DIGEST.match(copy.sha256) or copy.bytes < 0:
            raise CannotIssue("A copy has no SHA-256 or no size.")
    if "@" in str(certificate.as_document()):
        raise CannotIssue("It holds an e-mail address.")


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


# --- for people -------------------------------------------------------------------------------------------
# Kept here, not in a catalogue: a certificate reads the same wherever and whenever it is printed.
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Certificate of erasure",
        "id": "Number",
        "controller": "Issued by",
        "tenant": "Workspace",
        "client": "Client",
        "requested": "Erasure requested",
        "closed": "Workspace closed",
        "by": "by",
        "destroyed": "Data destroyed",
        "contacts title": "Certificate of erasure of contact details",
        "contacts closed": "Held alone since",
        "contacts destroyed": "Contact details erased",
        "issued": "Certificate issued",
        "stores": "What was erased",
        "before": "before",
        "after": "after",
        "exceptions": "What is kept, and why",
        "until": "until",
        "no exceptions": "Nothing is kept.",
        "silence": "This stands on every certificate: where a court forbids Smoall to tell of an order, neither the order, "
        "kept ten years, nor the encrypted file made for it, kept seven days at most, is named here. The client is told "
        "of it when the silence ends, as long as Smoall has its contact details.",
        "copies": "Copies that were taken before",
        "bytes": "bytes",
        "no copies": "No copy was taken.",
        "physical": "Last physical copy gone on {date} at the latest (write-ahead logs, replicas, "
        "cluster backups).",
        "signature": "Signed with Ed25519, key {key}, by release {release}. Anybody can check it with "
        "verify_certificate.py and the public keys at /.well-known/smoall-keys.json.",
        "zone": "Brussels time",
        "owner": "an owner",
        "contact": "the contact person",
        "operator": "an operator",
        "notice": "the notice given",
        "folder": "a folder of the operator's",
        "schema": "Tables",
        "files": "Files",
        "exports": "Exports",
        "queue": "Waiting jobs",
        "cache": "Cache",
        "outbox": "Mails",
        "sessions": "Sessions",
        "key": "Key",
        "backups": "Logical backups",
        "shared": "Shared tables",
        "issued_invoices": "invoices that Smoall issued",
        "billing.Invoice": "invoices that Smoall issued",
        "sharing.Order": "orders of a court",
        "files:orders": "what an order of a court made Smoall give, encrypted, until it is fetched",
        "contact_details": "contact details",
        "jobs": "jobs",
        "mails": "mails",
        "clients_client": "contact details",
        "legal_acceptance": "accepted terms",
        "legal_notice": "notices of changes in the privacy policy",
        "integrators_link": "links with integrators",
        "integrators_look": "looks of integrators at contact details",
        "sharing_disclosure": "what was given to partners",
        "requests_request": "requests",
        "requests_notice": "notices of breaches",
        "mail_refusal": "refused mails",
        "mail_suppression": "addresses that mails came back from",
        "proofs": "proofs of what the client wrote",
        "processor_record": "record at the payment operator",
        ASKED_FOR: ASKED_FOR,
    },
    "fr": {
        "title": "Attestation d’effacement",
        "id": "Numéro",
        "controller": "Délivrée par",
        "tenant": "Espace de travail",
        "client": "Client",
        "requested": "Effacement demandé",
        "closed": "Espace fermé",
        "by": "par",
        "destroyed": "Données détruites",
        "contacts title": "Attestation d’effacement des coordonnées",
        "contacts closed": "Seules depuis",
        "contacts destroyed": "Coordonnées effacées",
        "issued": "Attestation délivrée",
        "stores": "Ce qui a été effacé",
        "before": "avant",
        "after": "après",
        "exceptions": "Ce qui est conservé, et pourquoi",
        "until": "jusqu’au",
        "no exceptions": "Rien n’est conservé.",
        "silence": "Ceci figure sur chaque certificat : lorsqu’un tribunal interdit à Smoall de révéler une décision, "
        "ni celle-ci, conservée dix ans, ni le fichier chiffré établi pour elle, conservé sept jours au plus, n’est "
        "mentionné ici. Le client en est informé à la fin de l’interdiction, tant que Smoall a ses coordonnées.",
        "copies": "Copies emportées auparavant",
        "bytes": "octets",
        "no copies": "Aucune copie n’a été emportée.",
        "physical": "Dernière copie physique disparue le {date} au plus tard (journaux de transactions, "
        "répliques, sauvegardes du serveur).",
        "signature": "Signée avec Ed25519, clé {key}, par la version {release}. Chacun peut la vérifier avec "
        "verify_certificate.py et les clés publiques à /.well-known/smoall-keys.json.",
        "zone": "heure de Bruxelles",
        "owner": "un propriétaire",
        "contact": "la personne de contact",
        "operator": "un opérateur",
        "notice": "la notification d’arrêt",
        "folder": "un dossier de l’opérateur",
        "schema": "Tables",
        "files": "Fichiers",
        "exports": "Exportations",
        "queue": "Tâches en attente",
        "cache": "Cache",
        "outbox": "E-mails",
        "sessions": "Sessions",
        "key": "Clé",
        "backups": "Sauvegardes logiques",
        "shared": "Tables partagées",
        "issued_invoices": "factures émises par Smoall",
        "billing.Invoice": "factures émises par Smoall",
        "sharing.Order": "décisions de justice",
        "files:orders": "ce qu’une décision de justice a fait remettre par Smoall, chiffré, jusqu’à son retrait",
        "contact_details": "coordonnées",
        "jobs": "tâches",
        "mails": "e-mails",
        "clients_client": "coordonnées",
        "legal_acceptance": "conditions acceptées",
        "legal_notice": "avis de changement de la politique de confidentialité",
        "integrators_link": "liens avec des intégrateurs",
        "integrators_look": "consultations des coordonnées par des intégrateurs",
        "sharing_disclosure": "ce qui a été remis à des partenaires",
        "requests_request": "demandes",
        "requests_notice": "avis de violations de données",
        "mail_refusal": "e-mails refusés",
        "mail_suppression": "adresses dont des e-mails sont revenus",
        "proofs": "preuves de ce que le client a écrit",
        "processor_record": "dossier chez l’opérateur de paiement",
        ASKED_FOR: "effacement demandé, puis redemandé chaque heure jusqu’à ce que ce soit fait",
    },
}


def as_text(verified: Verified, language: str) -> str:
    """The certificate for reading, in "en" or "fr" (another: English). Only a verified one can be printed."""
    words = WORDS.get(language[:2], WORDS["en"])
    printer = _Printer(words, "fr_BE" if words is WORDS["fr"] else "en_GB")
    one = verified.certificate
    title = words["contacts title" if one.is_of_contacts else "title"]
    lines = [title, "=" * len(title), ""]
    lines += printer.facts(one)
    lines += ["", words["stores"], *(printer.store(each) for each in one.stores)]
    lines += ["", words["exceptions"], *(printer.kept(each) for each in one.exceptions)]
    lines += [] if one.exceptions else ["  " + words["no exceptions"]]
    lines += ["", words["silence"]]
    lines += ["", words["copies"], *(printer.copy(each) for each in one.copies)]
    lines += [] if one.copies else ["  " + words["no copies"]]
    lines += ["", words["physical"].format(date=printer.day(one.last_physical_copy_on))]
    lines += ["", words["signature"].format(key=verified.key_id, release=one.release), ""]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Printer:
    words: Mapping[str, str]
    locale: str

    def facts(self, one: Certificate) -> list[str]:
        by = f"{self.words['by']} {self.word(one.requested_by)}"
        of = "contacts " if one.is_of_contacts else ""
        rows = [
            ("id", str(one.id)),
            ("controller", one.controller),
            ("tenant", str(one.tenant)),
            ("client", str(one.client)),
            ("requested", f"{self.moment(one.requested_at)}, {by}"),
            (f"{of}closed", self.moment(one.closed_at)),
            (f"{of}destroyed", self.moment(one.destroyed_at)),
            ("issued", self.moment(one.issued_at)),
        ]
        return [f"{self.words[name]:<22}{value}" for name, value in rows]

    def store(self, one: Store) -> str:
        before, after = self.number(one.counted_before), self.number(one.counted_after)
        counts = f"{self.words['before']} {before}, {self.words['after']} {after}"
        return f"  {self.word(one.store)}: {self.word(one.what)} ({counts})"

    def kept(self, one: Kept) -> str:
        until = f", {self.words['until']} {self.day(one.until)}" if one.until else ""
        return f"  {self.word(one.what)}{until}: {self.word(one.legal_basis)}"

    def copy(self, one: Copy) -> str:
        size = f"{self.number(one.bytes)} {self.words['bytes']}"
        return f"  {self.moment(one.taken_at)}, {self.word(one.to)}, {size}, SHA-256 {one.sha256}"

    def word(self, code: str) -> str:
        return self.words.get(code, code)

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self.locale)

    def day(self, value: date) -> str:
        return format_date(value, format="long", locale=self.locale)

    def moment(self, value: datetime) -> str:
        local = value.astimezone(BRUSSELS)
        return f"{self.day(local.date())}, {local:%H:%M:%S} ({self.words['zone']})"
