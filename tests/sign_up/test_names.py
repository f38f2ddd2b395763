"""What a workspace may be called, as the form and the live check tell it."""

import pytest
from django.test import Client as Browser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared_apps.kit import scope
from tenants import names
from tenants.forms import checked, suggestion
from tenants.keys import KeyStore
from tenants.models import RetiredName
from tests.conftest import Cast
from tests.sign_up.conftest import FORM, asked, sign_ups

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="abc019-_. \u0430\u0435\u043e\u200b\u0301\uff41İıſK/\\%'\"<>;\0\n", max_size=60),
    st.from_regex(r"(xn--|[a-z0-9-]*(admin|app|ops|www|smoall)[a-z0-9-]*)[a-z0-9-]*", fullmatch=True),
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=HOSTILE)
@example(label="xn--80ak6aa92e")
@example(label="acme.")
@example(label="a" * 63)
@example(label="ops\n")
@example(label="аcme")
def test_a_hostile_name_is_refused_or_becomes_a_plain_label(db: None, label: str) -> None:
    with scope.shared():
        try:
            taken = names.check(label)
        except names.BadName:
            return
    assert 3 <= len(taken) <= 40 and taken.isascii() and taken == taken.lower()
    assert set(taken) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and "--" not in taken
    assert taken not in names.RESERVED and taken != "acme"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=st.text(max_size=200))
def test_a_suggestion_is_empty_or_may_be_taken(db: None, company: str) -> None:
    with scope.shared():
        found = suggestion(company, own=None)
        assert found == "" or names.check(found) == found


@pytest.mark.parametrize(
    "label",
    [
        "app",
        "0ps",
        "adm1n",
        "smoa11",
        "smoaii",
        "srnoall",
        "sm-oall",
        "vvww",
        "wvvw",
        "bi11ing",
        "supp0rt",
        "XN-ACME",
    ],
)
def test_reserved_names_and_their_lookalikes_are_refused(acme: Cast, label: str) -> None:
    with scope.shared(), pytest.raises(names.BadName):
        names.check(label)


def test_a_retired_name_is_never_given_again(acme: Cast) -> None:
    with scope.shared():
        RetiredName.objects.create(hash=KeyStore.default().name_hash("boulanger"))
        with pytest.raises(names.BadName, match="taken"):
            names.check("Boulanger ")


@pytest.mark.parametrize(
    ("company", "expected"),
    [("Boulangerie Éclair SRL", "boulangerie-eclair"), ("Œuvre & Cie", "oeuvre-cie"), ("Acme SRL", "acme-2"),
     ("3M", ""), ("株式会社", ""), ("Ops", ""), ("24/7 Dépannage", "depannage")],
)  # fmt: skip
def test_a_name_is_suggested_from_the_company(acme: Cast, company: str, expected: str) -> None:
    with scope.shared():
        found = suggestion(company, own=None)
    assert found == expected


def check(visitor: Browser, trigger: str = "subdomain", **typed: str) -> tuple[int, str]:
    answer = visitor.post(
        "/sign-up/name/",
        typed,
        headers={"accept-language": "en", "hx-request": "true", "hx-trigger-name": trigger},
    )
    return answer.status_code, answer.content.decode()


def test_while_one_types_the_page_says_whether_the_name_is_free(visitor: Browser, acme: Cast) -> None:
    assert "http://eclair.smoall.localhost" in check(visitor, subdomain="Eclair")[1]
    status, text = check(visitor, subdomain="acme")
    assert (status, "taken" in text, 'value="acme-2"' in text) == (200, True, True)
    assert "letters, digits" in check(visitor, subdomain="-x-")[1]
    assert check(visitor, subdomain="")[1].strip() == ""
    assert not sign_ups()


def test_the_company_suggests_a_name_until_somebody_types_their_own(visitor: Browser, acme: Cast) -> None:
    status, text = check(visitor, "company", company="Boulangerie Éclair", subdomain="", suggested="")
    assert status == 200 and 'value="boulangerie-eclair"' in text and "Free" in text
    own = {"company": "Boulangerie", "subdomain": "mine", "suggested": "boulangerie-eclair"}
    status, text = check(visitor, "company", **own)
    assert status == 200 and "<input" not in text, "their own name stays in its field"
    assert "mine.smoall" in text, "the company's question may have taken the place of the name's"
    assert (
        'value="boulangerie"'
        in check(visitor, "company", company="Boulangerie", subdomain="old", suggested="old")[1]
    )


def test_the_name_one_holds_oneself_is_free(visitor: Browser, another: Browser) -> None:
    asked(visitor)
    assert "Free" in check(visitor, subdomain=FORM["subdomain"])[1]
    assert "asked for this name already" in check(another, subdomain=FORM["subdomain"])[1]


def test_markup_in_a_name_is_shown_as_text(visitor: Browser) -> None:
    assert "<script" not in check(visitor, "company", company="<script>", take="<script>alert(1)</script>")[1]


def test_the_form_and_the_check_agree(acme: Cast) -> None:
    from django.core.exceptions import ValidationError

    with scope.shared(), pytest.raises(ValidationError):
        checked("acme", own=None)
