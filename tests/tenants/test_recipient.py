"""To whom an archive is encrypted: a key or a passphrase, and what is neither says why."""

import pytest

from tenants import archive
from tenants.archive import age
from tests.tenants.archives import PUBLIC, SECRET


def test_a_key_or_a_passphrase_is_told_apart() -> None:
    assert archive.parse_recipient(f"  {PUBLIC}\n") == age.PublicKey.parse(PUBLIC)
    for phrase in ("age1 is how my phrase begins", "l’été où tout commença"):
        assert archive.parse_recipient(phrase) == age.Passphrase(phrase)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(SECRET, "secret", id="secret"),
        pytest.param(SECRET.lower(), "secret", id="secret in small letters"),
        ("ssh-ed25519 AAAAC3Nza", "kind"),
        ("age1pq1qqqqqq", "kind"),
        ("age1yubikey1qwerty", "kind"),
        pytest.param(PUBLIC[:-1], "mistyped", id="key cut short"),
        pytest.param(PUBLIC[:-1] + "b", "mistyped", id="key with another letter"),
        pytest.param(PUBLIC.upper(), "mistyped", id="key in capitals"),
        ("", "short"),
        ("fourteen chars", "short"),
        ("x" * 1001, "long"),
        (" correct horse battery", "edges"),
        ("correct horse\nbattery", "unprintable"),
        ("a" * 20, "weak"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(archive.BadRecipient) as caught:
        archive.parse_recipient(text)
    assert caught.value.code == code
