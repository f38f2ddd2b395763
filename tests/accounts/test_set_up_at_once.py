"""Two set-ups of an app for codes that arrive together: one is there, the other one is told so."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import CannotChange, Totp, User, factor
from shared_apps.kit import scope
from tests.conftest import Cast, _cast

pytestmark = pytest.mark.commits


@pytest.fixture
def committed_acme(committing: None) -> Cast:
    return _cast("acme")


def test_of_two_apps_at_once_the_second_is_refused_in_words(
    committed_acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast, both, said = committed_acme, threading.Barrier(2), []
    step_of = factor.step_of

    def together(*args: Any, **kwargs: Any) -> int | None:
        both.wait(10)
        return step_of(*args, **kwargs)

    monkeypatch.setattr(factor, "step_of", together)

    def set_up() -> None:
        secret, now = factor.new_secret(), timezone.now()
        code = factor.code_at(secret, int(now.timestamp()) // factor.STEP)
        try:
            with scope.tenant(cast.id, actor=cast.owner.as_actor()):
                Totp.set_up(User.objects.get(pk=cast.owner.pk), secret, code, now=now)
                said.append("set up")
        except CannotChange as error:
            said.append(str(error))
        except Exception as error:
            said.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=set_up) for _each in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(said) == ["An app is set up already: remove it first.", "set up"]
