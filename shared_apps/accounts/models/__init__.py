"""People who may sign in, their sessions and the ledger of sign-ins; tables in both kinds of schema.

In a tenant's schema everybody is a "person" of that workspace; in the shared one an "operator" (ops.) or the
person of an "integrator" (app.). Pages are in views.py, the session engine in sessions.py.
"""

from shared_apps import history
from shared_apps.accounts.models.factor import (
    REQUIRED,
    Passkey,
    RecoveryCodes,
    Totp,
    has_second_factor,
    takes_code,
)
from shared_apps.accounts.models.ledger import Cause, Session, SignIn, SignInQuerySet, device_label
from shared_apps.accounts.models.person import (
    LINK_AGE,
    ONE_LINE,
    ROLE_CHOICES,
    CannotChange,
    Kind,
    Purpose,
    UnknownRight,
    User,
    Visiting,
    kind_here,
)
from shared_apps.accounts.models.throttle import HourCounter, Throttle, close_expired
from shared_apps.kit import places
from shared_apps.kit.text import fold_email

__all__ = [
    "LINK_AGE",
    "ONE_LINE",
    "REQUIRED",
    "ROLE_CHOICES",
    "CannotChange",
    "Cause",
    "HourCounter",
    "Kind",
    "Passkey",
    "Purpose",
    "RecoveryCodes",
    "Session",
    "SignIn",
    "SignInQuerySet",
    "Throttle",
    "Totp",
    "UnknownRight",
    "User",
    "Visiting",
    "close_expired",
    "device_label",
    "fold_email",
    "has_second_factor",
    "kind_here",
    "takes_code",
]

history.register(
    User,
    label="name",
    exclude=("password", "email_folded", "name_folded", "reactivated_at"),
    shown={"language": places.language_name},
)
history.register(Totp, label="holder", exclude=("sealed", "last_step"), parent="user")
history.register(
    Passkey,
    label="name",
    exclude=("credential_id", "public_key", "sign_count", "transports", "used_at"),
    parent="user",
)
history.register(RecoveryCodes, label="holder", exclude=("hashes",), parent="user")
