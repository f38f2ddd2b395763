"""A deployment changes its secret key and names the old one: nobody sets up anew, and no refusal is forgotten."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from config.env import BadSetting, Env
from shared_apps import mail
from shared_apps.accounts.models import Purpose, RecoveryCodes, User, takes_code
from shared_apps.kit import tokens
from tests.conftest import Cast, next_code, protect

Open = Callable[..., Browser]
NEW = {"SECRET_KEY": "n" * 50, "SECRET_KEY_FALLBACKS": [settings.SECRET_KEY]}


def test_sessions_links_second_factors_and_refusals_outlive_a_change_of_the_key(
    acme: Cast, browser: Open
) -> None:
    here, now = browser(acme, acme.colleague), timezone.now()
    with acme.inside():
        protect(acme.owner)
        codes = RecoveryCodes.renew(acme.owner, now=now)
        link = acme.admin.link(Purpose.RESET)
        mail.refuse("information", to="zoe@client.test", now=now)
    with override_settings(**NEW):
        assert here.get("/contacts/").status_code == 200
        assert 'name="password"' in browser(acme).get(link).content.decode()
        with acme.inside():
            assert takes_code(acme.owner, next_code(acme.owner), now=now)
            assert RecoveryCodes.takes(acme.owner, codes[0].replace("-", ""))
            assert not RecoveryCodes.takes(acme.owner, codes[0].replace("-", ""))
            assert mail.is_refused("information", to="zoe@client.test")
    with override_settings(**NEW | {"SECRET_KEY_FALLBACKS": []}), acme.inside():
        assert not mail.is_refused("information", to="zoe@client.test"), "which is why the old one is named"
        with pytest.raises(tokens.BadToken):
            User.of_link(Purpose.RESET, link.split("/")[2])


def test_old_keys_come_from_the_environment_and_short_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: Any = ("o" * 50, "p" * 40)
    monkeypatch.setenv("SMOALL_OLD_SECRET_KEYS", f" {keys[0]}  {keys[1]} ")
    assert Env.read().old_secret_keys == keys
    monkeypatch.setenv("SMOALL_OLD_SECRET_KEYS", "short-and-secret")
    with pytest.raises(BadSetting) as refused:
        Env.read()
    assert "short-and-secret" not in str(refused.value)
