"""From the form to the owner's first entry, through the real rows, jobs, mails and pages."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope, tokens
from shared_apps.kit.module import OWNER
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from shared_apps.mail.models import Message
from tenants import names, opening, sign_up
from tenants.keys import KeyStore
from tenants.models import Saga, SignUp, Tenant
from tests.conftest import TESTER, Cast
from tests.sign_up.conftest import FORM, asked, link_in, mails, sign_ups, work


def opened(visitor: Browser) -> Tenant:
    link = asked(visitor)
    visitor.post(link)
    work()
    with scope.shared():
        return Tenant.objects.select_related("client").get(domains__domain="eclair")


def test_a_company_gets_its_workspace_and_its_owner_enters_it(
    visitor: Browser, browser: Callable[..., Browser]
) -> None:
    link = asked(visitor)
    page = visitor.get(link)
    assert (
        "Boulangerie Éclair SRL" in page.content.decode()
        and "http://eclair.smoall.localhost" in page.content.decode()
    )
    assert visitor.post(link).headers["Location"] == link
    assert "progress" in visitor.get(link).content.decode()
    work()
    door = urlsplit(visitor.get(link).headers["Location"])
    assert (door.netloc, door.path.startswith("/enter/")) == ("eclair.smoall.localhost", True)
    inside = browser("eclair.smoall.localhost")
    assert inside.get(door.path).status_code == 200
    assert (
        inside.post(door.path, {"name": "Élodie Pain", "password": "une phrase assez longue"}).status_code
        == 302
    )
    assert "__Host-session" in inside.cookies
    assert visitor.get(link).headers["Location"] == "http://eclair.smoall.localhost/sign-in/"


def test_what_was_typed_becomes_the_client_and_its_first_owner_and_nothing_else_stays(
    visitor: Browser,
) -> None:
    tenant = opened(visitor)
    client = tenant.client
    assert (
        client.company,
        client.vat_number,
        client.country,
        client.language,
        client.contact_name,
        client.contact_email,
    ) == ("Boulangerie Éclair SRL", "BE0403170701", "BE", "fr", "Élodie Pain", "elodie@eclair.test")
    with scope.tenant(tenant.id):
        person = User.objects.get()
        assert (person.name, person.email, person.language, person.role) == (
            "Élodie Pain",
            "elodie@eclair.test",
            "fr",
            OWNER,
        )
    assert KeyStore.default().exists(tenant.id)
    assert not sign_ups() and not mails("sign_up.confirm")
    with scope.shared():
        saga = Saga.objects.get(kind="provision")
        assert "elodie" not in f"{saga.data}{saga.key}{saga.error}".lower()
        assert "elodie" not in str(list(Job.objects.values_list("args", "actor", "error"))).lower()


def test_the_accepted_version_of_the_terms_is_recorded_with_its_hash_and_time(visitor: Browser) -> None:
    before = timezone.now()
    tenant = opened(visitor)
    with scope.shared():
        accepted = Acceptance.objects.get(client_uuid=tenant.client_id)
    current = documents.current("terms", today=timezone.localdate())
    assert (accepted.kind, accepted.version) == ("terms", current.version)
    assert accepted.sha256 == current.sha256(accepted.language)
    assert before <= accepted.accepted_at <= timezone.now()


def test_opening_the_mailed_link_changes_nothing(visitor: Browser) -> None:
    link = asked(visitor)
    for _ in range(3):
        assert visitor.get(link).status_code == 200
        assert visitor.head(link).status_code == 200
    assert sign_ups()[0].confirmed_at is None
    with scope.shared():
        assert not Saga.objects.filter(kind="provision").exists()


def test_a_double_click_and_a_second_tab_make_one_workspace(visitor: Browser, another: Browser) -> None:
    link = asked(visitor)
    for tab in (visitor, visitor, another):
        tab.get(link)
        assert tab.post(link).status_code == 302
    work()
    another.post(link)
    work()
    with scope.shared():
        assert Saga.objects.filter(kind="provision").count() == 1
        assert Client.objects.filter(company=FORM["company"]).count() == 1


def test_the_link_resumes_where_the_work_stands_after_the_tab_was_closed(
    visitor: Browser, another: Browser
) -> None:
    link = asked(visitor)
    visitor.post(link)
    assert (
        "Your workspace is being made"
        in another.get(link, headers={"accept-language": "en"}).content.decode()
    )
    work()
    assert another.get(link).headers["Location"].startswith("http://eclair.smoall.localhost/enter/")


def test_the_progress_fragment_sends_the_browser_on_when_it_is_done(visitor: Browser) -> None:
    link = asked(visitor)
    visitor.post(link)
    first = visitor.get(f"{link}progress/", headers={"hx-request": "true"})
    assert first.status_code == 200 and "hx-get" in first.content.decode()
    work()
    assert visitor.get(f"{link}progress/", headers={"hx-request": "true"}).headers["HX-Redirect"] == link


def test_without_a_worker_the_page_says_that_a_mail_will_come(visitor: Browser) -> None:
    link = asked(visitor)
    visitor.post(link)
    with scope.shared():
        Saga.objects.filter(kind="provision").update(created_at=timezone.now() - timedelta(minutes=1))
    assert "takes longer" in visitor.get(link, headers={"accept-language": "en"}).content.decode()
    work()
    ready = mails("sign_up.ready")
    assert len(ready) == 1 and ready[0].to_address == FORM["email"]


def test_the_ready_mail_has_the_address_and_leads_in(visitor: Browser, another: Browser) -> None:
    link = asked(visitor)
    visitor.post(link)
    with scope.shared():
        saga = Saga.objects.get(kind="provision")
    from tenants import sagas

    sagas.run(saga.pk)
    ready = mails("sign_up.ready")[0]
    assert "http://eclair.smoall.localhost" in ready.body and ready.language == "fr"
    assert another.get(link_in(ready)).headers["Location"].startswith("http://eclair.smoall.localhost/enter/")


def test_the_mail_is_in_the_language_that_was_chosen(visitor: Browser, another: Browser) -> None:
    asked(visitor)
    assert mails()[0].subject == "Ouvrez l’espace de Boulangerie Éclair SRL"
    asked(another, language="en", subdomain="eclair-two", email="other@eclair.test")
    assert mails()[1].subject == "Open the workspace of Boulangerie Éclair SRL"


def test_a_sign_up_that_nobody_confirms_is_forgotten_after_a_day(visitor: Browser) -> None:
    link = asked(visitor)
    now = timezone.now()
    assert sign_up.forget_expired(now=now + timedelta(hours=23, minutes=59)) == 0
    assert sign_up.forget_expired(now=now + timedelta(hours=24, minutes=1)) == 1
    assert not sign_ups() and not mails()
    assert visitor.get(link).status_code == visitor.post(link).status_code == 410
    with scope.shared():
        assert names.check("eclair") == "eclair"


def test_an_expired_link_confirms_nothing_before_its_row_was_swept(visitor: Browser) -> None:
    link = asked(visitor)
    with scope.shared():
        SignUp.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert visitor.get(link).status_code == visitor.post(link).status_code == 410
    assert sign_ups()[0].confirmed_at is None


def test_a_confirmed_sign_up_is_not_forgotten_while_its_worker_is_down(visitor: Browser) -> None:
    link = asked(visitor)
    visitor.post(link)
    assert sign_up.forget_expired(now=timezone.now() + timedelta(days=3)) == 0
    work()
    assert visitor.get(link).status_code == 302


def test_one_that_never_became_a_workspace_is_forgotten_after_a_month_and_leaves_no_key(
    visitor: Browser,
) -> None:
    link = asked(visitor)
    visitor.post(link)
    assert sign_up.forget_expired(now=timezone.now() + timedelta(days=32)) == 1
    work()
    with scope.shared():
        saga = Saga.objects.get(kind="provision")
        assert not Client.objects.filter(company=FORM["company"]).exists()
    assert saga.status == Saga.Status.DONE and not KeyStore.default().exists(saga.subject)
    assert visitor.get(link).status_code == 410


def test_correcting_the_address_makes_the_first_link_void(visitor: Browser) -> None:
    wrong = asked(visitor, email="elodie@wrong.test")
    assert "elodie@wrong.test" in visitor.get("/sign-up/").content.decode()
    right = asked(visitor, email="elodie@right.test")
    assert len(sign_ups()) == 1
    assert visitor.get(wrong).status_code == visitor.post(wrong).status_code == 410
    visitor.post(right)
    work()
    assert visitor.get(wrong).status_code == 410
    assert visitor.get(right).status_code == 302


ASKED_ALREADY = "Somebody asked for this name already"


def test_a_typed_address_takes_no_sign_up_over_and_shows_nothing_of_it(
    visitor: Browser, another: Browser
) -> None:
    link = asked(visitor)
    before = SignUp.objects.filter(pk=sign_ups()[0].pk)
    with scope.shared():
        held = before.values().get()
    english = {"accept-language": "en"}
    for email in ("Elodie@Eclair.test", "somebody@else.test"):
        answer = another.post(
            "/sign-up/", {**FORM, "company": "Mallory SRL", "email": email}, headers=english
        )
        assert answer.status_code == 200 and ASKED_ALREADY in answer.content.decode()
        assert 'value="Mallory SRL"' in answer.content.decode(), "nothing that was typed is lost"
        assert "Boulangerie" not in another.get("/sign-up/").content.decode()
        assert another.get("/sign-up/sent/").status_code == 302
    with scope.shared():
        assert before.values().get() == held
    assert [message.to_address for message in mails()] == ["elodie@eclair.test"] * 2, (
        "whose it is gets it again"
    )
    assert visitor.post(link).status_code == 302 and sign_ups()[0].confirmed_at


def test_asking_again_from_elsewhere_sends_no_more_mails_than_asking(
    visitor: Browser, another: Browser
) -> None:
    asked(visitor)
    for _each in range(8):
        assert another.post("/sign-up/", FORM).status_code == 200
    assert len(mails()) == 5


def take(label: str, cast: Cast) -> None:
    """Somebody else gets the name, past the sign-up that holds it."""
    from tenants.models import Domain

    with scope.shared(actor=TESTER):
        Domain.objects.create(tenant=cast.tenant, domain=label, is_primary=False)


def test_a_name_taken_before_the_confirmation_can_be_replaced(visitor: Browser, acme: Cast) -> None:
    link = asked(visitor)
    take("eclair", acme)
    assert "boulangerie-eclair" in visitor.get(link).content.decode()
    assert visitor.post(link).status_code == 302 and sign_ups()[0].confirmed_at is None
    assert visitor.post(f"{link}name/", {"subdomain": "acme"}).status_code == 200
    assert visitor.post(f"{link}name/", {"subdomain": "eclair-pain"}).status_code == 302
    visitor.post(link)
    work()
    assert visitor.get(link).headers["Location"].startswith("http://eclair-pain.smoall.localhost/enter/")


def test_a_name_taken_after_the_confirmation_can_be_replaced(visitor: Browser, acme: Cast) -> None:
    link = asked(visitor)
    visitor.post(link)
    take("eclair", acme)
    work()
    assert "boulangerie-eclair" in visitor.get(link).content.decode()
    with scope.shared():
        assert not Client.objects.filter(company=FORM["company"]).exists()
    assert visitor.post(f"{link}name/", {"subdomain": "eclair-pain"}).status_code == 302
    with scope.shared():
        Job.objects.filter(state=Job.State.WAITING).update(run_after=timezone.now())
        Saga.objects.filter(kind="provision").update(due_at=timezone.now())
    work()
    assert visitor.get(link).headers["Location"].startswith("http://eclair-pain.smoall.localhost/enter/")
    with scope.shared():
        assert Client.objects.filter(company=FORM["company"]).count() == 1


def test_a_link_is_bound_to_its_sign_up_realm_and_purpose(visitor: Browser, acme: Cast) -> None:
    asked(visitor)
    row = sign_ups()[0]
    payload = [str(row.id), opening.print_of(row.id, row.email)]
    with scope.shared(realm="ops"):
        from_ops = tokens.sign(payload, purpose="sign_up")
    with acme.inside():
        from_tenant = tokens.sign(payload, purpose="sign_up")
    with scope.shared(realm="app"):
        other_purpose = tokens.sign(payload, purpose="accounts.reset")
        other_print = tokens.sign([str(row.id), "0" * 32], purpose="sign_up")
    for token in (from_ops, from_tenant, other_purpose, other_print, "x", f"{from_ops}x"):
        for path in ("", "progress/", "name/", "terms/"):
            answer = visitor.post(f"/sign-up/{token}/{path}")
            assert answer.status_code in (405, 410), path
        assert visitor.get(f"/sign-up/{token}/").status_code == 410
    assert sign_ups()[0].confirmed_at is None


def test_the_mailed_link_opens_nothing_on_a_workspaces_host(
    visitor: Browser, acme: Cast, browser: Callable[..., Browser]
) -> None:
    link = asked(visitor)
    assert browser(acme).get(link).status_code == 404


def test_a_post_without_the_pages_token_is_refused(visitor: Browser) -> None:
    link = asked(visitor)
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST="app.smoall.localhost")
    assert strict.post(link).status_code == 403
    assert strict.post("/sign-up/", FORM).status_code == 403


def test_five_mails_a_day_go_to_one_address_however_it_is_written(visitor: Browser, another: Browser) -> None:
    asked(visitor)
    for _ in range(4):
        assert visitor.post("/sign-up/sent/").status_code == 200
    assert visitor.post("/sign-up/sent/").status_code == 429
    answer = another.post("/sign-up/", {**FORM, "subdomain": "eclair-x", "email": "ELODIE@eclair.test"})
    assert answer.status_code == 200 and len(sign_ups()) == 1 and len(mails()) == 5
    assert "elodie" not in " ".join(_throttled()).lower()


def _throttled() -> list[str]:
    from shared_apps.accounts.models import Throttle

    with scope.shared():
        return list(Throttle.objects.values_list("account", flat=True))


def test_a_mail_whose_sign_up_is_gone_is_not_sent(visitor: Browser) -> None:
    asked(visitor)
    with scope.shared():
        SignUp.objects.all().delete()
    work()
    assert [message.state for message in mails()] == [Message.State.CANCELLED]


def test_an_address_that_is_used_in_another_workspace_may_open_one_more(visitor: Browser, acme: Cast) -> None:
    link = asked(visitor, email=acme.owner.email)
    visitor.post(link)
    work()
    assert visitor.get(link).headers["Location"].startswith("http://eclair.smoall.localhost/enter/")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("terms", "", "Without the terms there is no contract"),
        ("company", "", "required"),
        ("email", "elodie", "valid email"),
        ("country", "ZZ", "valid choice"),
        ("language", "tlh", "valid choice"),
        ("vat_number", "BE 0403.170.702", "check digits"),
        ("vat_number", "BE 12", "ten digits"),
        ("vat_number", "FR 12", "France"),
        ("name", "Eve\u202egnp", "can’t be shown"),
        ("company", "x" * 201, "at most 200"),
        ("subdomain", "Éclair!", "letters, digits"),
        ("subdomain", "admin", "kept for Smoall"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_the_rest_is_kept(
    visitor: Browser, field: str, value: str, said: str
) -> None:
    answer = visitor.post("/sign-up/", {**FORM, field: value}, headers={"accept-language": "en"})
    text = answer.content.decode()
    assert answer.status_code == 200 and said.lower() in text.lower()
    assert all(FORM[kept] in text for kept in ("company", "email", "name", "vat_number") if kept != field)
    assert not sign_ups() and not mails()


def test_a_number_of_a_country_of_the_union_is_stored_with_its_prefix(visitor: Browser) -> None:
    asked(visitor, country="FR", vat_number="40 303 265 045")
    assert sign_ups()[0].vat_number == "FR40303265045"


def test_line_breaks_in_a_name_cannot_reach_a_mails_head(visitor: Browser) -> None:
    asked(visitor, name="Eve\r\nBcc: all@x.test", company="A\nB")
    assert (sign_ups()[0].name, sign_ups()[0].company) == ("Eve Bcc: all@x.test", "A B")
