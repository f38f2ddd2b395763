"""Who is no client: the integrator that one workspace is linked to, and the operator."""

import random
from datetime import datetime, timedelta

from config.demo.diary import Calendar, Diary
from config.demo.workspace import PASSWORD, Someone
from shared_apps.accounts.models import Kind, Totp, User, factor
from shared_apps.integrators.models import Link, Membership, Organisation
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from shared_apps.legal import documents
from shared_apps.operators.models import Signature
from tenants.models import Tenant

INTEGRATOR = Someone("Claire Hautmarais", "claire@hautmarais.example", "fr", OWNER)
OPERATOR = Someone("Oscar Verschoorens", "oscar@smoall.example", "en", OWNER)
CODE = "h4utmar2"
# The operator's app for codes, known to everybody as the password is. `manage.py demo --code` prints what it shows.
APP_SECRET = b"Smoall demo operator"
SMOALL = scope.Actor("system", "demo", "Smoall")


def make(linked_to: str, calendar: Calendar) -> None:
    """What of it isn't there yet. The integrator is linked to the workspace of that name, when it exists."""
    chance, diary = random.Random("partners"), Diary()  # noqa: S311 (a play, not a secret)
    with scope.shared(actor=SMOALL):
        if not User.objects.by_email(OPERATOR.email):
            operator = _person(OPERATOR, Kind.OPERATOR, diary, calendar, chance)
            with diary.write(operator.created_at, operator.as_actor()):
                _set_up(operator)
        if not Organisation.objects.filter(code=CODE).exists():
            _integrator(linked_to, diary, calendar, chance)
        diary.date()


def _person(someone: Someone, kind: Kind, diary: Diary, calendar: Calendar, chance: random.Random) -> User:
    at = calendar.start(chance)
    with diary.write(at, SMOALL):
        person = User(
            name=someone.name, email=someone.email, language=someone.language, role=int(someone.role), kind=kind,
            created_at=at,
        )  # fmt: skip
        person.set_password(PASSWORD)
        person.password_changed_at = person.entered_at = at
        person.save(force_insert=True)
    return person


def _set_up(operator: User) -> None:
    """What operators must have: a second factor, and the confidentiality text signed."""
    at = operator.created_at
    code = factor.code_at(APP_SECRET, int(at.timestamp()) // factor.STEP)
    Totp.set_up(operator, APP_SECRET, code, now=at)
    text = documents.versions("confidentiality")[-1]
    Signature.sign(text, by=operator, language=operator.language, now=at)


def code(now: datetime) -> str:
    """What the operator's app shows."""
    return factor.code_at(APP_SECRET, int(now.timestamp()) // factor.STEP)


def _integrator(linked_to: str, diary: Diary, calendar: Calendar, chance: random.Random) -> None:
    person = _person(INTEGRATOR, Kind.INTEGRATOR, diary, calendar, chance)
    with diary.write(person.created_at, SMOALL):
        organisation = Organisation.objects.create(
            name="Fiduciaire Hautmarais SRL", email="bureau@hautmarais.example", language="fr", code=CODE,
            created_at=person.created_at,
        )  # fmt: skip
        Membership.objects.create(user=person, organisation=organisation)
    tenant = Tenant.objects.filter(domains__domain=linked_to).first()
    if tenant is None:
        return
    with scope.tenant(tenant.id):
        owner = User.objects.owners().order_by("created_at").first()
    proposed = calendar.moment(chance, first=0.2, last=0.2)
    accepted = proposed + timedelta(hours=3)
    with diary.write(proposed, owner.as_actor() if owner else SMOALL):
        link = Link.propose(client_id=tenant.client_id, code=CODE, now=proposed)
    with diary.write(accepted, person.as_actor()):
        link.accept(now=accepted)
