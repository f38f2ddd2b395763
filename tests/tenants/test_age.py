"""Our age files are anybody's age files, and they open whole or not at all."""

import io
import os
from random import Random

import pyrage
import pytest

from tenants.archive import age

IDENTITY = pyrage.x25519.Identity.generate()
PUBLIC, SECRET = age.PublicKey.parse(str(IDENTITY.to_public())), age.SecretKey.parse(str(IDENTITY))
QUICK = age.Passphrase("correct horse battery", work=10)
SIZES = [0, 1, 65535, 65536, 65537, 131072, 200_000]


def encrypt(data: bytes, *recipients: age.Recipient, step: int = 10_007) -> bytes:
    target = io.BytesIO()
    writer = age.Writer(target, recipients or [PUBLIC])
    for at in range(0, len(data), step):
        writer.write(data[at : at + step])
    writer.finish()
    return target.getvalue()


def decrypt(sealed: bytes, identity: age.Identity = SECRET) -> bytes:
    with io.BufferedReader(age.Reader(io.BytesIO(sealed), [identity])) as reader:
        return reader.read()


@pytest.mark.parametrize("size", SIZES)
def test_another_tool_opens_ours_and_we_open_anothers(size: int) -> None:
    data = os.urandom(size)
    assert pyrage.decrypt(encrypt(data), [IDENTITY]) == data
    assert pyrage.decrypt(encrypt(data, step=1 << 20), [IDENTITY]) == data
    assert decrypt(pyrage.encrypt(data, [IDENTITY.to_public()])) == data


def test_a_passphrase_opens_it_in_another_tool_too() -> None:
    passphrase = age.Passphrase("une phrase de passe à nous")
    sealed = encrypt(b"data", passphrase)
    assert pyrage.passphrase.decrypt(sealed, passphrase.text) == b"data"
    assert decrypt(sealed, passphrase) == b"data"
    with pytest.raises(age.CannotOpen):
        decrypt(sealed, age.Passphrase("une phrase de passe a nous"))


def test_each_of_several_recipients_opens_it_and_nobody_else() -> None:
    others = [pyrage.x25519.Identity.generate() for _ in range(3)]
    sealed = encrypt(b"data", *(age.PublicKey.parse(str(each.to_public())) for each in others[:2]))
    for each in others[:2]:
        assert pyrage.decrypt(sealed, [each]) == b"data"
        assert decrypt(sealed, age.SecretKey.parse(str(each))) == b"data"
    with pytest.raises(age.CannotOpen):
        decrypt(sealed, age.SecretKey.parse(str(others[2])))


def test_no_recipient_or_a_passphrase_among_others_is_refused() -> None:
    for recipients in ([], [QUICK, PUBLIC], [QUICK, QUICK]):
        with pytest.raises(ValueError, match="One passphrase"):
            age.Writer(io.BytesIO(), recipients)


def test_it_reads_from_any_place() -> None:
    data, random = os.urandom(400_000), Random(1)
    with io.BufferedReader(age.Reader(io.BytesIO(encrypt(data)), [SECRET])) as reader:
        assert reader.seek(0, os.SEEK_END) == len(data)
        for _ in range(200):
            at, size = random.randrange(len(data) + 10), random.randrange(150_000)
            reader.seek(at)
            assert reader.read(size) == data[at : at + size]
        with pytest.raises((ValueError, OSError)):
            reader.seek(-1)


def test_without_its_end_it_opens_nowhere() -> None:
    target = io.BytesIO()
    writer = age.Writer(target, [PUBLIC])
    writer.write(bytes(200_000))
    del writer
    with pytest.raises(age.BadAge):
        decrypt(target.getvalue())
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(target.getvalue(), [IDENTITY])


def test_it_is_finished_once() -> None:
    writer = age.Writer(io.BytesIO(), [PUBLIC])
    writer.finish()
    for act in (writer.finish, lambda: writer.write(b"more")):
        with pytest.raises(ValueError, match="finished"):
            act()


def test_cut_short_at_any_chunk_or_byte_it_does_not_open() -> None:
    sealed = encrypt(os.urandom(3 * age.CHUNK))
    start = len(sealed) - 3 * (age.CHUNK + age.TAG)
    ends = [*range(0, start + 20), *(start + n * (age.CHUNK + age.TAG) for n in range(3)), len(sealed) - 1]
    for end in ends:
        with pytest.raises(age.BadAge):
            decrypt(sealed[:end])
    with pytest.raises(age.BadAge):
        decrypt(sealed + b"\0")
    with pytest.raises(age.BadAge):
        decrypt(sealed[: start + age.CHUNK + age.TAG] + sealed[start:])  # a chunk doubled


def test_every_flipped_bit_is_noticed() -> None:
    sealed = encrypt(b"a short text")
    for at in range(len(sealed)):
        altered = bytearray(sealed)
        altered[at] ^= 1 << at % 8
        with pytest.raises(age.BadAge):
            decrypt(bytes(altered))


def test_chunks_that_were_not_read_can_be_checked_too() -> None:
    sealed = bytearray(encrypt(bytes(5 * age.CHUNK)))
    sealed[len(sealed) // 2] ^= 1
    reader = age.Reader(io.BytesIO(bytes(sealed)), [SECRET])
    assert reader.readinto(bytearray(10)) == 10
    with pytest.raises(age.BadAge, match="128 KiB in"):
        reader.check_rest()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"age-encryption.org/v2\n",
        b"age-encryption.org/v1\n",
        b"age-encryption.org/v1\n--- \n",
        b"age-encryption.org/v1\n-> X25519\n\n--- AAAA\n",
        b"age-encryption.org/v1\n->\n\n--- AAAA\n",
        b"age-encryption.org/v1\n-> X25519 AAAA=\nAAAA\n--- AAAA\n",
        b"age-encryption.org/v1\n-> X25519 AAAA\n" + b"A" * 70 + b"\n--- AAAA\n",
        b"age-encryption.org/v1\n" + b"-> x a\n\n" * 20_000,
        b"age-encryption.org/v1\n-> " + b"x" * 100_000,
        b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n--- AAAA\n",
    ],
)
def test_a_malformed_header_is_refused_and_does_not_crash(header: bytes) -> None:
    with pytest.raises(age.BadAge):
        decrypt(header + bytes(100))


def test_a_passphrase_that_asks_for_too_much_work_is_refused_before_the_work() -> None:
    sealed = encrypt(b"x", QUICK)
    assert decrypt(sealed, QUICK) == b"x"
    for work in (b" 19\n", b" 30\n", b" 999999999\n", b" 010\n", b" -1\n", b" x\n"):
        with pytest.raises(age.BadAge):
            decrypt(sealed.replace(b" 10\n", work, 1), QUICK)


@pytest.mark.parametrize(
    "text", ["", "age1", "age1qqqq", "AGE-SECRET-KEY-1", pytest.param("age2" + PUBLIC.text[4:], id="age2")]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(age.BadKeyText):
        age.PublicKey.parse(text)


def test_each_mistyped_letter_of_a_key_is_noticed() -> None:
    text, secret = PUBLIC.text, str(IDENTITY)
    for at in range(4, len(text)):
        letter = "q" if text[at] != "q" else "p"
        with pytest.raises(age.BadKeyText):
            age.PublicKey.parse(text[:at] + letter + text[at + 1 :])
    with pytest.raises(age.BadKeyText) as caught:
        age.SecretKey.parse(secret[:-1] + ("Q" if secret[-1] != "Q" else "P"))
    assert secret[20:40] not in str(caught.value)


def test_no_secret_is_shown_in_a_traceback() -> None:
    assert "correct horse" not in repr(QUICK)
    assert repr(SECRET) == "SecretKey()"
