"""Makes people, companies and numbers that look real and are nobody's.

Enterprise numbers begin with 1.9, which the register is decades away from giving out; account numbers are of bank
codes that no bank has; phone numbers have a first digit that nobody can dial; addresses end in .example.
"""

import random
from collections.abc import Iterable

from config.demo import words
from shared_apps.kit.text import fold

BANK_CODES = range(151, 167)  # not given to any bank


class Invented:
    """The same seed makes the same people in the same order."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a play, not a secret)
        self.taken: set[str] = set()

    def place(self, language: str | None = None) -> tuple[str, str, str]:
        """City, postal code, language."""
        return self.random.choice([place for place in words.PLACES if language in (None, place[2])])

    def street(self, language: str) -> str:
        number = self.random.choice([self.random.randint(1, 60), self.random.randint(1, 320)])
        return f"{self.random.choice(words.STREETS[language])} {number}"

    def company(self, language: str) -> str:
        """A name that was not given before."""
        trade, last = self.random.choice(words.TRADES[language]), self.random.choice(words.LAST[language])
        form = self.random.choice(words.FORMS[language])
        named = f"{last} {trade}" if language == "nl" and self.random.random() < 0.6 else f"{trade} {last}"
        if self.random.random() < 0.15:
            named += " & Fils" if language == "fr" else " & Zonen"
        name = f"{named} {form}".strip()
        return name if self._is_new(named) else self.company(language)

    def person(self, language: str) -> tuple[str, str]:
        """First and last name that were not given together before."""
        names = self.random.choice(words.FIRST[language]), self.random.choice(words.LAST[language])
        return names if self._is_new(" ".join(names)) else self.person(language)

    def _is_new(self, name: str) -> bool:
        is_new = name not in self.taken
        self.taken.add(name)
        return is_new

    def vat(self) -> str:
        """A Belgian VAT number with right check digits."""
        base = self.random.randint(19_000_000, 19_999_999)
        return f"BE{base}{97 - base % 97:02d}"

    def iban(self) -> str:
        """A Belgian account with right check digits."""
        base = f"{self.random.choice(BANK_CODES)}{self.random.randint(0, 9_999_999):07d}"
        account = f"{base}{int(base) % 97 or 97:02d}"
        return f"BE{98 - int(account + '111400') % 97:02d}{account}"

    def phone(self) -> str:
        zone = self.random.choice(["2", "3", "4", "9"])
        digits = f"{self.random.randint(0, 999_999):06d}"
        return f"+32 {zone} 0{digits[:2]} {digits[2:4]} {digits[4:]}"

    def mobile(self) -> str:
        digits = f"{self.random.randint(0, 9_999_999):07d}"
        return f"+32 44{digits[0]} {digits[1:3]} {digits[3:5]} {digits[5:]}"

    def note(self, language: str) -> str:
        return self.random.choice(words.NOTES[language])

    def title(self, language: str) -> str:
        return self.random.choice(words.TITLES[language])


def label(name: str) -> str:
    """A name as the label of an internet address."""
    kept = "".join(sign if sign.isalnum() else "-" for sign in fold(name))
    return "-".join(filter(None, kept.split("-")))


def address(names: Iterable[str], company: str) -> str:
    """An e-mail address below .example, which nobody can have."""
    return f"{'.'.join(label(name) for name in names)}@{label(company)}.example"
