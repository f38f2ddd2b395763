"""P36: what the law makes Smoall keep after the contact details are gone is found by the register, and said with its article."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from shared_apps.kit.module import Holding
from shared_apps.kit.rows import uuid7
from shared_apps.legal.models import Acceptance
from tenants import certificate, forgetting
from tests.conftest import TESTER, Cast

INVOICES = Holding(
    "legal.Acceptance",  # stands for a table of invoices, which names its client in the same way
    whose="client",
    category="billing",
    why="To invoice you",
    kept="Ten years",
    exported="shared",
    erased="kept",
    about="client_uuid",
    law="VAT Code, article 60",
    law_years=10,
    law_until=lambda rows: date(2035, 12, 31) if rows.get() else date.min,
)
ERASED_AT = datetime(2025, 11, 30, 3, 0, tzinfo=BRUSSELS)


def test_P36_what_the_law_keeps_is_named_with_its_article_and_its_end(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "all_holdings", lambda: (INVOICES,))
    client = uuid7()
    assert forgetting.kept_by_law(client, now=ERASED_AT) == [], "nothing was issued to this client"
    with scope.shared(actor=TESTER):
        Acceptance.objects.create(
            client_uuid=client,
            kind="terms",
            version="1",
            language="fr",
            sha256="0" * 64,
            accepted_at=ERASED_AT,
        )
    kept = certificate.Kept("legal.Acceptance", "VAT Code, article 60", date(2035, 12, 31))
    assert forgetting.kept_by_law(client, now=ERASED_AT) == [kept]


def test_P36_what_a_law_keeps_says_until_when() -> None:
    with pytest.raises(ValueError, match="law_until"):
        replace(INVOICES, law_until=None)
