"""What looks like a fault and is none: a client's own words, work that commits meanwhile, a container."""

import pytest

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.promises.checks import held
from tests.conftest import TESTER, Cast
from tests.promises.conftest import looked


def test_P39_words_of_a_client_lock_no_field(acme: Cast) -> None:
    words = {"company": "Foundation for disabled people", "street": 'Rue readonly 1" disabled name="phone'}
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=acme.tenant.client_id).update(**words)
    seen = looked("details-can-be-changed")
    assert seen.state == "kept", seen


@pytest.mark.parametrize(
    "body",
    [
        '<fieldset disabled><input name="city"></fieldset>',
        '<input type="hidden" name="city">',
        '<textarea name="city" readonly></textarea>',
    ],
)
def test_P39_a_field_that_is_there_and_closed_is_seen(body: str) -> None:
    assert held.fields_of(f'{body}<input name="phone">') == {"city": False, "phone": True}
