"""The session engine (SESSION_ENGINE): rows of accounts.Session, each bound to its realm (I6).

The cookie's key is nowhere in the database: a row is found by the SHA-256 of realm and key, and its data is
signed for the realm, so that a row or cookie carried to another workspace or host opens nothing there.

A visitor who only looks has a key and no row: a random number signed for the realm, from which the token of the
forms is derived. The row comes with the first thing that is to be kept (docs/decisions/0011-visitors-without-rows.md).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import SESSION_KEY, login, logout
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.middleware.csrf import CSRF_SESSION_KEY
from django.utils import timezone
from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac

from shared_apps.accounts.models import (
    Cause,
    Session,
    SignIn,
    User,
    close_expired,
    device_label,
    kind_here,
)
from shared_apps.kit import scope

VISITORS_AGE = timedelta(hours=12)  # a sign-in form that was left open
SECOND_WITHIN = timedelta(minutes=10)  # from the password to the second factor
AWAITED = "second_awaited"  # keys of a session's data: whose second factor is awaited,
BY_SECOND = "by_second"  # whether it was given,
PROVED = "proved"  # and when the person last proved who they are
BEGAN = "began"  # and when they signed in
LONGEST = timedelta(days=30)  # from the sign-in, however often they come
RENEWED_AFTER = timedelta(days=1)  # a visit prolongs a sign-in, with one write a day


class SessionError(RuntimeError):
    """Something was to be kept in a session where there is none."""


def hash_of(key: str) -> str:
    """How a session key is stored and looked up, in the realm in force."""
    return sha256(f"{scope.realm()}:{key}".encode("utf-8", "replace")).hexdigest()


class SessionStore(SessionBase):
    _visitors_key = ""  # for the cookie, once a page with a form was shown

    @property
    def key_salt(self) -> str:
        return f"smoall.sessions:{scope.realm()}"

    @property
    def hash(self) -> str:
        """The hash of this session's key, "" where there is no row."""
        return hash_of(self.session_key) if self.session_key and not _is_visitors(self.session_key) else ""

    def visitors_secret(self) -> str:
        """What the tokens of this visitor's forms are made of; "" in a session, which keeps its own."""
        if self._session or self.session_key:  # type: ignore[attr-defined]
            return ""
        self._visitors_key = self._visitors_key or _visitors().sign(get_random_string(32))
        return _secret_of(self._visitors_key)

    def load(self) -> dict[str, Any]:
        """The data; {} for an unknown, expired or foreign key. An expired sign-in is closed."""
        if self.session_key and _is_visitors(self.session_key):
            return self._load_visitors(self.session_key)
        row = self._rows(self.session_key or "").first()
        now = timezone.now()
        if row is not None and row.expires_at > now:
            data = self.decode(row.data)
            age = self._age(data, now) if row.user_id else timedelta()
            if now + age - row.expires_at > min(RENEWED_AFTER, age):
                self.modified = True  # saved with this request, and so lives on
            return data
        if row is not None:
            SignIn.objects.filter(session_hash=row.key_hash).close(Cause.EXPIRED, now=row.expires_at)
            row.delete()
        self._session_key = None
        return {}

    def _load_visitors(self, key: str) -> dict[str, Any]:
        try:
            _visitors().unsign(key, max_age=VISITORS_AGE)
        except (signing.BadSignature, ValueError):  # ValueError: half a character
            self._session_key = None
            return {}
        return {CSRF_SESSION_KEY: _secret_of(key)}

    def exists(self, session_key: str) -> bool:
        return self._rows(session_key).exists()

    def create(self) -> None:
        self._session_key = get_random_string(43)
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """A row, but for a visitor's token. Raises UpdateError when the session was ended meanwhile: never brought back."""
        if not must_create:
            key = self.session_key or self._visitors_key
            if _is_visitors(key) and self._session == {CSRF_SESSION_KEY: _secret_of(key)}:  # type: ignore[attr-defined]
                self._session_key = key
                return None
            if self.session_key is None or _is_visitors(self.session_key):
                return self.create()
        data: dict[str, Any] = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        values = {
            "data": self.encode(data),
            "user_id": data.get(SESSION_KEY),
            "expires_at": self.get_expiry_date(),
        }
        if not must_create:
            if not self._rows(self.session_key or "").update(**values):
                raise UpdateError
            return None
        try:
            with transaction.atomic():
                Session.objects.create(key_hash=self.hash, realm=scope.realm(), **values)
        except IntegrityError as error:
            raise CreateError from error
        return None

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key and not _is_visitors(key):
            self._rows(key).delete()

    def flush(self) -> None:
        """Ends the session. A sign-in still open lost its password's proof: Django flushes for that alone."""
        if self.hash:
            SignIn.objects.filter(session_hash=self.hash).close(Cause.PASSWORD_CHANGED, now=timezone.now())
        super().flush()

    def cycle_key(self) -> None:
        """A new key for the same session; its open sign-in goes with it."""
        before = self.hash if SESSION_KEY in self else ""
        super().cycle_key()
        if before:
            SignIn.objects.open().filter(session_hash=before).update(session_hash=self.hash)

    @classmethod
    def clear_expired(cls) -> None:
        """For Django's clearsessions."""
        close_expired(timezone.now())

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds: SESSION_COOKIE_AGE for the signed in, less near LONGEST; half a day for visitors (a form's token)."""
        if not kwargs and SESSION_KEY not in self:
            return int(VISITORS_AGE.total_seconds())
        age: int = super().get_expiry_age(**kwargs)
        return age if kwargs else int(self._age(self._get_session(), timezone.now()).total_seconds())  # type: ignore[attr-defined]

    @staticmethod
    def _age(data: Mapping[str, Any], now: datetime) -> timedelta:
        """How long a sign-in would live from now on."""
        idle = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        since = timedelta(seconds=now.timestamp() - data.get(BEGAN, now.timestamp()))
        return max(min(idle, LONGEST - since), timedelta())

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        if not kwargs:
            return timezone.now() + timedelta(seconds=self.get_expiry_age())
        date: datetime = super().get_expiry_date(**kwargs)
        return date

    @staticmethod
    def _rows(session_key: str) -> QuerySet[Session]:
        return Session.objects.filter(key_hash=hash_of(session_key), realm=scope.realm())


def _visitors() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"smoall.visitors:{scope.realm()}")


def _is_visitors(key: str) -> bool:
    """By its form: a signature is divided by colons, the key of a row has none."""
    return ":" in key


def _secret_of(key: str) -> str:
    """A secret in the form that Django's tokens have, 32 letters and digits. The cookie alone doesn't tell it."""
    return salted_hmac(f"smoall.visitors.token:{scope.realm()}", key, algorithm="sha256").hexdigest()[:32]


class Nothing(SessionBase):
    """The website's session: always empty, never saved. Writing to it is a mistake in the code (P01)."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(None)
        self._session_cache = MappingProxyType[str, Any]({})  # refuses setdefault and update too

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise SessionError("the website keeps nothing about its visitors")

    def exists(self, session_key: str) -> bool:
        return False

    def load(self) -> dict[str, Any]:
        return {}

    def create(self) -> NoReturn:
        raise SessionError("the website has no sessions")

    def save(self, must_create: bool = False) -> NoReturn:
        raise SessionError("the website has no sessions")

    def delete(self, session_key: str | None = None) -> None:
        return None


def begin(request: HttpRequest, person: User, *, now: datetime, by_second: bool = False) -> SignIn:
    """Sign somebody in: a new session key, one open row in the ledger. Ends who was signed in here before.

    `by_second`: they gave their second factor too.
    """
    end(request, Cause.SIGNED_OUT, now=now)
    login(request, person, backend="shared_apps.accounts.backend.EmailBackend")
    request.session.pop(AWAITED, None)
    request.session[PROVED] = request.session[BEGAN] = now.timestamp()
    if by_second:
        request.session[BY_SECOND] = True
    device = device_label(request.headers.get("User-Agent", ""))
    return SignIn.objects.create(
        user=person, session_hash=store_of(request).hash, device=device, signed_in_at=now
    )


def await_second(request: HttpRequest, person: User, *, now: datetime) -> None:
    """The password was right: a new session that opens one page, the one that asks for the second factor."""
    end(request, Cause.SIGNED_OUT, now=now)
    request.session.cycle_key()
    until = (now + SECOND_WITHIN).timestamp()
    request.session[AWAITED] = [str(person.pk), person.get_session_auth_hash(), until]


def awaited(request: HttpRequest, *, now: datetime) -> User | None:
    """Who gave their password here within ten minutes, and whose password and state have not changed since."""
    id, proof, until = request.session.get(AWAITED, ("", "", 0.0))
    if not id or now.timestamp() >= until:
        return None
    person: User | None = User.objects.active().filter(pk=id, kind=kind_here()).first()
    is_same = person is not None and constant_time_compare(proof, person.get_session_auth_hash())
    return person if is_same else None


def end(request: HttpRequest, cause: Cause, *, now: datetime) -> None:
    """Close this session's sign-in and forget the session; nothing when nobody is signed in."""
    store = store_of(request)
    if SESSION_KEY in store:
        SignIn.objects.filter(session_hash=store.hash).close(cause, now=now)
        logout(request)


def store_of(request: HttpRequest) -> SessionStore:
    """The request's session, where there is one. Raises SessionError on the website."""
    if not isinstance(request.session, SessionStore):
        raise SessionError("the website has no sessions")
    return request.session
