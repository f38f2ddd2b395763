"""The instruction to erase a person, which waits and can be cancelled, and the saga that carries it out."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.mail import backend
from tenants import sagas
from tenants.keys import KeyStore
from tenants.models import CannotAct, Saga, State, Tenant
from tenants.persons.person import Person, longest_first, model_of, person_of, subjects, why_not
from tenants.persons.redaction import forget_mails, note, redact_shared, redact_workspace

ERASE_PERSON = sagas.Kind("erase_person", no_return="redact_everything")
DELAY = timedelta(hours=12)
CLOSED = (State.ERASING, State.RESTORING)


def request(person: Person, *, tenant_id: UUID, by: UUID, now: datetime, delay: timedelta = DELAY) -> Saga:
    """Have the person erased after `delay`, unless an owner cancels it. Twice the same click is one instruction.

    The words are those that the preview was made with. Raises CannotAct.
    """
    refused = why_not(person, by=by)
    if refused:
        raise CannotAct(refused)
    with scope.shared():
        if Tenant.locked(tenant_id).state in CLOSED:
            raise CannotAct(_now("This workspace is closed."))
        before = asked_for(tenant_id, person.row.pk)
        waiting = next((one for one in before if one.status not in sagas.OVER), None)
        if waiting:
            return waiting
        sealed = KeyStore.default().seal(tenant_id, json.dumps(person.words).encode())
        return sagas.start(
            ERASE_PERSON.name,
            tenant_id,
            key=f"erase_person:{person.row.pk}:{len(before)}",
            data={
                "what": person.holding.what,
                "row": str(person.row.pk),
                "sealed": base64.b64encode(sealed).decode(),
            },
            due_at=now + delay,
        )


def asked_for(tenant_id: UUID, row: UUID | None = None) -> list[Saga]:
    """The instructions of a workspace, of one row when it is named; the newest first. In the shared scope."""
    found = Saga.objects.filter(kind=ERASE_PERSON.name, subject=tenant_id).order_by("-created_at")
    return list(found if row is None else found.filter(data__row=str(row)))


def cancel(saga: Saga) -> None:
    """Nothing happens to the person, and the words are forgotten. Raises CannotAct once the erasure has begun."""
    with scope.shared():
        try:
            found = sagas.cancel(saga)
        except sagas.CannotCancel as error:
            raise CannotAct(_now("It is too late: the person was erased, or is being erased.")) from error
        found.data.pop("sealed", None)
        found.save(update_fields=["data", "updated_at"])


# --- the steps --------------------------------------------------------------------------------------------


@ERASE_PERSON.step(_("Taking the person out of records, history and mails"), weight=3)
def redact_everything(saga: Saga) -> None:
    """In one transaction. Raises NotYet while the workspace is closed: its erasure may be cancelled still."""
    tenant = Tenant.locked(saga.subject)
    client = tenant.client
    if tenant.state in CLOSED:
        raise sagas.NotYet(timezone.now() + timedelta(hours=1))
    sealed = base64.b64decode(saga.data["sealed"])
    words = tuple(json.loads(KeyStore.default().unseal(saga.subject, sealed)))
    with scope.tenant(saga.subject):
        person = _named(saga.data["what"], UUID(saga.data["row"]), words)
        if isinstance(person.row, User) and person.row.is_active:
            raise sagas.CannotGoOn("They may sign in again meanwhile: nobody was erased.")
        mail_stems = forget_mails(person)
        done = redact_workspace(person, saga.subject)
        done.mails += len(mail_stems)
        mail_stems += [(saga.subject, stem) for stem in done.rewritten_mails]
        note(done, client)
    redact_shared(person, tenant, mail_stems)
    saga.data |= {"files": done.files, "mails": [[str(folder), stem] for folder, stem in mail_stems]}
    saga.data.pop("sealed")


@ERASE_PERSON.step(_("Removing files"), outside=True)
def remove_files(saga: Saga) -> None:
    with scope.tenant(saga.subject):
        for name in saga.data.get("files", []):
            default_storage.delete(name)
    for folder, stem in saga.data.get("mails", []):
        backend.remove(folder, stem)
    saga.data.pop("files", None)
    saga.data.pop("mails", None)


def _named(what: str, id: UUID, words: Sequence[str]) -> Person:
    """The person of an instruction, with the former words too. A row that was deleted meanwhile has a history still."""
    holding = next(one for one in subjects() if one.what == what)
    row = model_of(holding)._default_manager.filter(pk=id).first()
    person = person_of(holding, row) if row else Person(holding, model_of(holding)(pk=id), ())
    return Person(holding, person.row, _with_former(person, words))


def _with_former(person: Person, words: Sequence[str]) -> tuple[str, ...]:
    """With the values that the identifying fields had before, as the history knows them."""
    type_ = ContentType.objects.get_for_model(person.row)
    former: set[str] = set()
    for changes in LogEntry.objects.filter(content_type=type_, object_pk=str(person.row.pk)).values_list(
        "changes", flat=True
    ):
        for name in person.holding.identifies:
            former |= {str(value) for value in changes.get(name) or () if value}
    return longest_first(iter({*words, *person.words, *former}))
