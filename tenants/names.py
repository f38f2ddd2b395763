"""What a workspace may be called: a label of its address that is free, readable and not mistaken for another."""

import re

from django.utils.translation import gettext as _

from shared_apps.kit.text import fold
from tenants.keys import KeyStore
from tenants.models import Domain, RetiredName, SignUp

LABEL = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
RESERVED = frozenset(
    {
        "app",
        "ops",
        "www",
        "mail",
        "smtp",
        "imap",
        "pop",
        "ns",
        "ns1",
        "ns2",
        "mx",
        "api",
        "admin",
        "administrator",
        "root",
        "support",
        "help",
        "status",
        "static",
        "assets",
        "cdn",
        "media",
        "files",
        "docs",
        "blog",
        "shop",
        "dev",
        "test",
        "staging",
        "demo-app",
        "localhost",
        "smoall",
        "internal",
        "billing",
        "pay",
        "payment",
        "payments",
        "account",
        "accounts",
        "login",
        "signin",
        "signup",
        "security",
        "abuse",
        "postmaster",
        "hostmaster",
        "webmaster",
        "noreply",
        "no-reply",
        "legal",
        "privacy",
        "terms",
        "about",
        "contact",
        "team",
        "public",
        "shared",
        "ext",
        "postgres",
        "autoconfig",
        "autodiscover",
        "wpad",
        "isatap",
    }
)


class BadName(ValueError):
    """The workspace can't have this name; the message says why, in the reader's language."""


def as_label(typed: str) -> str:
    """What somebody typed as it may be looked up: nobody's name holds a NUL, which PostgreSQL refuses."""
    return typed.replace("\0", "").strip().lower()


def check(label: str, *, but: SignUp | None = None) -> str:
    """The label, cleaned, when a new workspace may have it. Runs in the shared schema. Raises BadName."""
    label = label.strip().lower()
    if not 3 <= len(label) <= 40 or not LABEL.match(label):
        raise BadName(_("Use 3 to 40 letters, digits or single hyphens; begin with a letter."))
    if label.startswith("xn-") or skeleton(label) in {skeleton(name) for name in RESERVED}:
        raise BadName(_("This name is kept for Smoall itself."))
    waiting = SignUp.objects.exclude(pk=but.pk) if but else SignUp.objects.all()
    hashed = KeyStore.default().name_hash(label)
    if Domain.objects.filter(domain=label).exists() or RetiredName.objects.filter(hash=hashed).exists():
        raise BadName(_("This name is taken."))
    if waiting.filter(subdomain=label).exists():
        raise BadName(
            _("Somebody asked for this name already. If that was you, open the link in your mailbox.")
        )
    return label


def suggest(company: str) -> str:
    """A label made from a company's name; "" when nothing usable is left."""
    words = re.sub(r"[^a-z0-9]+", "-", fold(company)).strip("-").lstrip("0123456789-")
    return re.sub(r"-(srl|bv|sprl|bvba|sa|nv|asbl|vzw|scrl|cv|gmbh|ltd)\Z", "", words)[:40].strip("-")


def skeleton(label: str) -> str:
    """What an eye sees: 0 as o, 1 as l, rn as m, hyphens dropped. Two labels with one skeleton are confusable."""
    return (
        label.replace("rn", "m")
        .replace("vv", "w")
        .translate(str.maketrans("015", "ols", "-"))
        .replace("i", "l")
    )
