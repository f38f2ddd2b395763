"""An engineering firm that also trades in parts: nine people, some 1,500 contacts, all of Belgium."""

from typing import Any
from uuid import UUID

from config.demo import deeds
from config.demo.deeds import Fields, planned
from config.demo.diary import Calendar, Diary
from config.demo.invented import Invented
from config.demo.workspace import Plan, Someone
from shared_apps.accounts.models import User
from shared_apps.kit.module import ADMIN, MEMBER, OWNER

SUBDOMAIN = "meca"
PEOPLE = (
    Someone("Philippe Delhoyaux", "philippe@meca.example", "fr", OWNER),
    Someone("Ingrid Vandersteppe", "ingrid@meca.example", "en", OWNER, joins=0.01),
    Someone("Céline Raskinet", "celine@meca.example", "fr", ADMIN, joins=0.01),
    Someone("Bart Claerhoven", "bart@meca.example", "en", ADMIN, joins=0.02),
    Someone("Loïc Tilquay", "loic@meca.example", "fr", MEMBER, joins=0.03),
    Someone("Sofie Maesbrugge", "sofie@meca.example", "en", MEMBER, joins=0.03),
    Someone("Dimitri Wautelin", "dimitri@meca.example", "fr", MEMBER, joins=0.3),
    Someone("Jeroen Colpaers", "jeroen@meca.example", "en", MEMBER, joins=0.08, leaves=0.7),
    Someone("Nadia Fontignies", "nadia@meca.example", "fr", MEMBER, joins=0.985, enters=False),
)
FAIR = "Salon de Charleroi"
TAGS = ("Wallonie", "Vlaanderen", "Hydraulique", "Pièces", "Maintenance", "Priorité", "Tôle fine")
BROUGHT_IN, MET, ADDED, CHANGED, ARCHIVED, REMOVED, ATTACHED = 1120, 160, 240, 240, 34, 5, 26
RELATIONS = ("is_customer", "is_customer", "is_customer", "is_supplier", "is_prospect")


def live(diary: Diary, calendar: Calendar, people: list[User]) -> None:
    """A file is brought in at first and another after a fair; between, everybody adds and changes contacts."""
    invented, made = Invented(SUBDOMAIN), list[UUID]()
    chance = invented.random
    administrator = people[2]
    rows, met = _address_book(invented, BROUGHT_IN), _address_book(invented, MET)
    for row in met:
        row["tags"] = f"{row.get('tags', '')},{FAIR}"
    for part, brought, by in ((0.02, rows, administrator), (0.55, met, people[4])):
        at = calendar.moment(chance, first=part, last=part)
        diary.plan(at, by, planned(deeds.bring_in, brought, made))
    employers = [row["name"] for row in rows if row["kind"] == "company"]
    for _each in range(ADDED):
        fields = _somebody(invented, employers)
        tags = chance.sample(TAGS, chance.choice([0, 0, 0, 1, 1, 2]))
        at, by = _when_and_who(diary, calendar, people, invented)
        diary.plan(at, by, planned(deeds.add, fields, tags, made))
    for deed, times, arguments in (
        (deeds.change, CHANGED, (TAGS,)), (deeds.archive, ARCHIVED, ()), (deeds.attach, ATTACHED, ()),
    ):  # fmt: skip
        for _each in range(times):
            at, by = _when_and_who(diary, calendar, people, invented)
            diary.plan(at, by, planned(deed, made, invented, *arguments))
    for _each in range(REMOVED):
        at = calendar.moment(chance, first=0.3)
        diary.plan(at, administrator, planned(deeds.remove, made, invented))


def _when_and_who(diary: Diary, calendar: Calendar, people: list[User], invented: Invented) -> Any:
    """Some moment after the beginning, and one of those who were there by then."""
    at = calendar.moment(invented.random, first=0.04)
    gone = calendar.moment(invented.random, first=0.69, last=0.69)
    there = [
        person
        for person, someone in zip(people, PEOPLE, strict=True)
        if person.entered_at and person.entered_at < at and (not someone.leaves or at < gone)
    ]
    return at, invented.random.choice(there)


def _address_book(invented: Invented, size: int) -> list[Fields]:
    """What the spreadsheet held: companies, and at some of them people."""
    rows: list[Fields] = []
    while len(rows) < size:
        language = invented.random.choice(["fr", "fr", "nl"])
        relation = invented.random.choice(RELATIONS)
        region = "Wallonie" if language == "fr" else "Vlaanderen"
        company = deeds.company(invented, language=language, **{relation: True})
        rows.append(company | {"tags": region})
        for _each in range(invented.random.choice([0, 0, 1, 1, 2])):
            rows.append(deeds.person(invented, company["name"], language=language, **{relation: True}))
    return rows[:size]


def _somebody(invented: Invented, employers: list[str]) -> Fields:
    """A new company, or somebody who works at one that is known."""
    relation = {invented.random.choice(RELATIONS): True}
    if invented.random.random() < 0.6:
        return deeds.company(invented, **relation)
    return deeds.person(invented, invented.random.choice(employers), **relation)


def plan(calendar: Calendar) -> Plan:
    client = {
        "company": "Méca-Delhoyaux SA",
        "vat_number": Invented("meca vat").vat(),
        "street": "Zoning industriel 317",
        "postal_code": "6041",
        "city": "Gosselies",
        "phone": Invented("meca phone").phone(),
    }
    return Plan(UUID("01980000-0000-7000-8000-00000000a001"), SUBDOMAIN, client, PEOPLE, calendar, live)
