"""The talk with a passkey (WebAuthn, level 2): what a page asks the browser for, and whether its answer is right.

A passkey belongs to one host: a workspace's own address, app. or ops. Each question is asked once: its challenge
waits in the session and is taken out by the first answer. The person's presence and their finger, face or PIN
(user verification) are required; the maker of the device isn't asked.

Imported where somebody signs in, and not at the start: the library takes as long as a quarter of everything else.
"""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import webauthn
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from shared_apps.accounts.mails import origin
from shared_apps.accounts.models import CannotChange, Passkey, User

KEPT = "passkey_challenge"  # in the session
GOOD_FOR = timedelta(minutes=10)
# What a malformed answer of a browser raises inside the library: it reads JSON, CBOR and numbers that anybody sent.
MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


def creation_options(request: HttpRequest, person: User) -> str:
    """What navigator.credentials.create() is called with, as JSON. Devices that have one already are left out."""
    options = webauthn.generate_registration_options(
        rp_id=_host(request),
        rp_name=getattr(request, "workspace_name", "") or "Smoall",
        user_id=person.pk.bytes,
        user_name=person.email,
        user_display_name=person.name,
        challenge=_ask(request, person),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(request, person),
    )
    return webauthn.options_to_json(options)


def request_options(request: HttpRequest, person: User) -> str:
    """What navigator.credentials.get() is called with, as JSON; "" when this person has no passkey for this host."""
    known = _descriptors(request, person)
    if not known:
        return ""
    options = webauthn.generate_authentication_options(
        rp_id=_host(request),
        challenge=_ask(request, person),
        allow_credentials=known,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def add(request: HttpRequest, person: User, answer: str, *, name: str, now: datetime) -> Passkey:
    """The new passkey in a browser's answer. Raises CannotChange."""
    wrong = CannotChange(_("The passkey could not be added. Try again."))
    challenge = _asked(request, person, now)
    if challenge is None or len(answer) > Passkey.LONGEST_ANSWER:
        raise wrong
    try:
        made = webauthn.verify_registration_response(
            credential=json.loads(answer),
            expected_challenge=challenge,
            expected_rp_id=_host(request),
            expected_origin=origin(request),
            require_user_verification=True,
        )
        transports = _transports(json.loads(answer))
    except MALFORMED as error:
        raise wrong from error
    try:
        with transaction.atomic():
            return Passkey.objects.create(
                user=person,
                name=name,
                credential_id=bytes_to_base64url(made.credential_id),
                public_key=bytes_to_base64url(made.credential_public_key),
                sign_count=made.sign_count,
                transports=transports,
                host=_host(request),
                made_at=now,
            )
    except IntegrityError as error:
        raise CannotChange(_("This passkey is known already.")) from error


def takes(request: HttpRequest, person: User, answer: str, *, now: datetime) -> bool:
    """Whether a browser's answer comes from a passkey of this person, made for this host and this very question.

    A counter that did not grow tells of a copied key: refused.
    """
    challenge = _asked(request, person, now)
    if challenge is None or len(answer) > Passkey.LONGEST_ANSWER:
        return False
    try:
        said = json.loads(answer)
        keys = Passkey.objects.select_for_update().filter(user=person, host=_host(request))
        key = keys.filter(credential_id=str(said["id"])[:1400].replace("\0", "")).first()
        if key is None:
            return False
        proof = webauthn.verify_authentication_response(
            credential=said,
            expected_challenge=challenge,
            expected_rp_id=key.host,
            expected_origin=origin(request),
            credential_public_key=base64url_to_bytes(key.public_key),
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except MALFORMED:
        return False
    key.sign_count, key.used_at = proof.new_sign_count, now
    key.save(update_fields=["sign_count", "used_at"])
    return True


def _host(request: HttpRequest) -> str:
    return urlsplit(origin(request)).hostname or ""


def _descriptors(request: HttpRequest, person: User) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(key.credential_id),
            transports=[AuthenticatorTransport(one) for one in key.transports],
        )
        for key in Passkey.objects.filter(user=person, host=_host(request))
    ]


def _transports(answer: dict[str, Any]) -> list[str]:
    known = {one.value for one in AuthenticatorTransport}
    return [one for one in answer["response"].get("transports") or [] if one in known]


def _ask(request: HttpRequest, person: User) -> bytes:
    challenge = secrets.token_bytes(32)
    until = (timezone.now() + GOOD_FOR).timestamp()
    request.session[KEPT] = [bytes_to_base64url(challenge), str(person.pk), until]
    return challenge


def _asked(request: HttpRequest, person: User, now: datetime) -> bytes | None:
    """The challenge that waits for this person, once."""
    challenge, whose, until = request.session.pop(KEPT, ("", "", 0.0))
    return base64url_to_bytes(challenge) if whose == str(person.pk) and now.timestamp() < until else None
