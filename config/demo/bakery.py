"""A bakery in Namur: two people, some forty contacts, nine quiet months."""

from collections.abc import Sequence
from uuid import UUID

from config.demo import deeds
from config.demo.deeds import Fields, planned
from config.demo.diary import Calendar, Diary
from config.demo.invented import Invented
from config.demo.workspace import Plan, Someone
from shared_apps.accounts.models import User
from shared_apps.kit.module import MEMBER, OWNER

SUBDOMAIN = "boulangerie"
LENGTH = 280  # days: it came within the year that the chart of the operators shows
PEOPLE = (
    Someone("Élise Lambroise", "elise@boulangerie.example", "fr", OWNER),
    Someone("Tom Brankaert", "tom@boulangerie.example", "en", MEMBER, joins=0.03),
)
Known = tuple[str, str, Sequence[str]]  # name, language, tags
SUPPLIERS: Sequence[Known] = (
    ("Moulin du Samsonet SRL", "fr", ("Farine",)), ("Laiterie des Hautes-Prêles", "fr", ("Frais",)),
    ("Meelfabriek Roelandts BV", "nl", ("Farine",)), ("Œufs de la Ferme Tassignon", "fr", ("Frais", "Bio")),
    ("Choco-Wittenoven NV", "nl", ("Chocolat",)), ("Emballages Poncelay SA", "fr", ("Emballage",)),
    ("Fruits Magonet & Fils", "fr", ("Frais",)), ("Koeltechniek Geeroms BV", "nl", ("Entretien",)),
    ("Comptoir des Levures Evrardin", "fr", ("Farine",)), ("Ramonage Pirardin", "fr", ("Entretien",)),
)  # fmt: skip
CUSTOMERS: Sequence[Known] = (
    ("Café Le Perron Bleu", "fr", ("Horeca", "Tournée du matin")), ("Brasserie des Trois Écluses", "fr", ("Horeca",)),
    ("Crèche Les Mirabelles", "fr", ("Écoles", "Tournée du matin")), ("École du Vieux Tilleul", "fr", ("Écoles",)),
    ("Hôtel de la Citadelline", "fr", ("Horeca", "Tournée du matin")), ("Traiteur Vauchelin SRL", "fr", ("Horeca",)),
    ("Épicerie Chez Samira", "fr", ("Revendeurs", "Tournée du matin")), ("Maison de repos Les Aubépines", "fr", ()),
    ("Broodjesbar De Korst", "nl", ("Horeca",)), ("Superette Remacly", "fr", ("Revendeurs",)),
    ("Salon de thé Porcelaine", "fr", ("Horeca",)), ("Club de tennis du Bois-Joli", "fr", ()),
)  # fmt: skip
BIRTHDAYS = ("Gâteau d'anniversaire en mars.", "Sans gluten.", "Commande un cramique chaque dimanche.", "")


def live(diary: Diary, calendar: Calendar, people: list[User]) -> None:
    """Everything typed by hand, most of it in the first weeks."""
    invented, made = Invented(SUBDOMAIN), list[UUID]()
    owner, helper = people
    known = [(name, language, tags, {"is_supplier": True}) for name, language, tags in SUPPLIERS]
    known += [(name, language, tags, {"is_customer": True}) for name, language, tags in CUSTOMERS]
    chance = invented.random
    for number, (name, language, tags, relation) in enumerate(known):
        fields = deeds.company(invented, name=name, language=language, **relation)
        until = 0.08 if number < 16 else 0.7
        at = calendar.moment(chance, first=0.005, last=until)
        diary.plan(at, chance.choice([owner, owner, helper]), planned(deeds.add, fields, tags, made))
        if number % 4 == 0:
            colleague = deeds.person(invented, name, language=language, **relation)
            diary.plan(
                max(at, calendar.moment(chance, first=0.1)), owner, planned(deeds.add, colleague, (), made)
            )
    for _each in range(12):
        at = calendar.moment(chance, first=0.05)
        diary.plan(at, helper, planned(deeds.add, _neighbour(invented), ("Particuliers",), made))
    words = ("Horeca", "Tournée du matin", "Bio", "Fidèle")
    for _each in range(45):
        at = calendar.moment(chance, first=0.15)
        diary.plan(at, chance.choice(people), planned(deeds.change, made, invented, words))
    for _each in range(5):
        diary.plan(calendar.moment(chance, first=0.2), owner, planned(deeds.attach, made, invented))
    for _each in range(2):
        diary.plan(calendar.moment(chance, first=0.6), owner, planned(deeds.archive, made, invented))


def _neighbour(invented: Invented) -> Fields:
    """Somebody who orders now and then."""
    return deeds.person(
        invented, language="fr", city="Namur", postal_code="5000", is_customer=True,
        notes=invented.random.choice(BIRTHDAYS),
    )  # fmt: skip


def plan(calendar: Calendar) -> Plan:
    client = {
        "company": "Boulangerie Lambroise SRL",
        "vat_number": Invented("boulangerie vat").vat(),
        "street": "Rue des Brasseurs 412",
        "postal_code": "5000",
        "city": "Namur",
        "phone": Invented("boulangerie phone").phone(),
    }
    return Plan(UUID("01980000-0000-7000-8000-00000000b001"), SUBDOMAIN, client, PEOPLE, calendar, live)
