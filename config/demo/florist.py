"""A florist in Liège who closes her shop: she came this year, gave notice some weeks ago, and its days are to come."""

from collections.abc import Sequence
from uuid import UUID

from config.demo import deeds
from config.demo.deeds import planned
from config.demo.diary import Calendar, Diary
from config.demo.invented import Invented
from config.demo.workspace import Plan, Someone
from shared_apps.accounts.models import User
from shared_apps.kit.module import OWNER

SUBDOMAIN = "fleurs"
LENGTH = 150  # days: it came within the year that the chart of the operators shows
PEOPLE = (Someone("Nadège Corswarem", "nadege@fleurs.example", "fr", OWNER),)
KNOWN: Sequence[tuple[str, str, Sequence[str]]] = (
    ("Serres du Val Mosan SRL", "fr", ("Plantes",)), ("Bloemenveiling Tessenaar BV", "nl", ("Fleurs coupées",)),
    ("Rubans Maquinay & Fils", "fr", ("Emballage",)), ("Salle des Quatre Vents", "fr", ("Mariages",)),
    ("Pompes funèbres Dubuisson-Lorge", "fr", ("Deuil",)), ("Hôtel du Perron d’Or", "fr", ("Abonnement",)),
    ("Cabinet Malherbe-Noiset", "fr", ("Abonnement",)), ("Restaurant La Passe-Rose", "fr", ("Abonnement",)),
)  # fmt: skip


def live(diary: Diary, calendar: Calendar, people: list[User]) -> None:
    invented, made = Invented(SUBDOMAIN), list[UUID]()
    (owner,) = people
    for number, (name, language, tags) in enumerate(KNOWN):
        fields = deeds.company(
            invented, name=name, language=language, is_supplier=number < 3, is_customer=number >= 3
        )
        at = calendar.moment(invented.random, first=0.005, last=0.3)
        diary.plan(at, owner, planned(deeds.add, fields, tags, made))


def plan(calendar: Calendar) -> Plan:
    client = {
        "company": "Fleurs Corswarem SRL",
        "vat_number": Invented("fleurs vat").vat(),
        "street": "En Féronstrée 407",
        "postal_code": "4000",
        "city": "Liège",
        "phone": Invented("fleurs phone").phone(),
    }
    return Plan(
        UUID("01980000-0000-7000-8000-00000000f001"),
        SUBDOMAIN,
        client,
        PEOPLE,
        calendar,
        live,
        gives_notice=0.63,
    )
