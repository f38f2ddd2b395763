"""A workspace is made."""

from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from shared_apps.mail.models import Message
from tenants import sign_up
from tenants.keys import KeyStore
from tenants.models import SignUp, State, Tenant
from tests.conftest import TESTER
from tests.crash.scenarios.stage import Case, is_done, label, run, scenario


@scenario("provision", "provision")
def provision() -> Case:
    name = label("made")
    answers = sign_up.Answers(f"{name} SA", "BE", "", "fr", name, "Nora Noir", f"nora@{name}.test")
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers, now=timezone.now())

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert tenant.pk == saga.subject and Client.objects.filter(company=f"{name} SA").count() == 1
            assert not SignUp.objects.filter(subdomain=name).exists()
            assert Message.objects.filter(purpose="sign_up.ready", about=tenant.client_id).count() == 1
        with scope.tenant(tenant.id):
            assert list(User.objects.values_list("email", "role")) == [(f"nora@{name}.test", OWNER)]
        assert tenant.state == State.ACTIVE
        assert KeyStore.default().exists(tenant.id)

    return Case(saga.pk, check, run(saga.pk))
