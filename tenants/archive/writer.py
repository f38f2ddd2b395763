"""Writing an archive in one pass: parts as chunks of bytes, hashed, zipped, encrypted; the manifest comes last."""

import base64
import contextlib
import hashlib
import json
import stat
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Self, cast

from tenants import verifiers
from tenants.archive import age
from tenants.archive.manifest import (
    BROKEN,
    MANIFEST,
    MAX_PARTS,
    SIGNATURE,
    BadPart,
    Manifest,
    ManifestFields,
    Part,
    refuse_unsafe,
)
from tenants.keys import KeyStore, PublicKeys, Signature


@dataclass(frozen=True, slots=True)
class Written:
    """The finished file: what the record of an export and the erasure certificate say of it."""

    bytes: int
    sha256: str
    manifest: Manifest


class ArchiveWriter:
    """Streams an archive into `target`, which stays open. Adds README.txt, verify.py, manifest and signature.

        with ArchiveWriter(file, [age.Passphrase(…)], keys=KeyStore.default(), made_at=now) as archive:
            archive.add("rows/contacts.csv", chunks)
            written = archive.close(ManifestFields(…))

    Left without `close`, by an error or not, the file has no end and opens nowhere; without an error, leaving
    it so raises RuntimeError.
    """

    def __init__(
        self,
        target: BinaryIO,
        recipients: Sequence[str | age.Recipient] | None,
        *,
        keys: KeyStore,
        made_at: datetime,
    ) -> None:
        """`recipients`: "age1…" texts, keys, or one passphrase. Raises ValueError for an empty list.

        None writes a plain ZIP: for a folder that is encrypted itself.
        """
        self._keys = keys
        self._made_at = made_at
        self._parts: dict[str, Part] = {}
        self._counter = _Counter(target)
        self._sealed: age.Writer | None = None
        if recipients is not None:
            parsed = [age.PublicKey.parse(each) if isinstance(each, str) else each for each in recipients]
            self._sealed = age.Writer(cast(BinaryIO, self._counter), parsed)
        self._gate = _Gate(self._sealed or self._counter)
        self._zip = zipfile.ZipFile(cast(BinaryIO, self._gate), "w", zipfile.ZIP_DEFLATED)
        self._state = "open"

    def __enter__(self) -> Self:
        self.add_bytes("README.txt", README.encode())
        self.add_bytes("verify.py", verifiers.source("verify.py"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state == "closed":
            return
        self._gate.shut()
        with contextlib.suppress(*BROKEN):
            self._zip.close()
        if kind is None:
            raise RuntimeError("The archive was left without close(): it is not finished.")

    def add(self, name: str, chunks: Iterable[bytes]) -> Part:
        """Writes one part. Raises BadPart; after an error of the chunks' own, `close` refuses."""
        return self._add(name, chunks, may_be_huge=True)

    def add_bytes(self, name: str, content: bytes) -> Part:
        """Writes one small part."""
        return self._add(name, (content,), may_be_huge=len(content) > 2**31 - 1)

    def close(self, fields: ManifestFields) -> Written:
        """Signs the manifest and ends the file."""
        self._refuse_unless_open()
        key_id = self._keys.signing_key_id()
        manifest = Manifest(
            release=fields.release,
            fingerprint=fields.fingerprint,
            tenant=fields.tenant,
            key_id=key_id,
            counts=fields.counts,
            about=fields.about,
            made_at=self._made_at,
            parts=dict(self._parts),
        )
        text = manifest.text()
        Manifest.parse(text, key_id)  # what couldn't be read again is not written
        signature = self._keys.sign(text, key_id=key_id)
        self._store(MANIFEST, (text,), may_be_huge=False)
        self._store(SIGNATURE, (_signature_text(signature, self._keys.public_keys()),), may_be_huge=False)
        self._zip.close()
        if self._sealed is not None:
            self._sealed.finish()
        self._state = "closed"
        return Written(self._counter.bytes, self._counter.digest.hexdigest(), manifest)

    def _add(self, name: str, chunks: Iterable[bytes], *, may_be_huge: bool) -> Part:
        self._refuse_unless_open()
        refuse_unsafe(name)
        if name in self._parts or name in (MANIFEST, SIGNATURE):
            raise BadPart(f"There is a part named {name!r} already.")
        if len(self._parts) >= MAX_PARTS:
            raise BadPart(f"An archive takes {MAX_PARTS} parts.")
        self._parts[name] = self._store(name, chunks, may_be_huge=may_be_huge)
        return self._parts[name]

    def _store(self, name: str, chunks: Iterable[bytes], *, may_be_huge: bool) -> Part:
        entry = zipfile.ZipInfo(name, self._made_at.astimezone(UTC).timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (stat.S_IFREG | 0o600) << 16
        size, digest = 0, hashlib.sha256()
        self._state = "broken"  # until the part is whole
        with self._zip.open(entry, "w", force_zip64=may_be_huge) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self._state = "open"
        return Part(size, digest.hexdigest())

    def _refuse_unless_open(self) -> None:
        if self._state != "open":
            raise RuntimeError(f"The archive is {self._state}.")


class _Counter:
    """Counts and hashes what goes to the file."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.bytes = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._target.write(data)
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)


class _Gate:
    """Between ZIP and encryption. Shut, it lets nothing through: a collected ZipFile ends its file."""

    def __init__(self, inner: "age.Writer | _Counter") -> None:
        self._inner: age.Writer | _Counter | None = inner

    def write(self, data: bytes) -> int:
        return self._inner.write(data) if self._inner is not None else len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def shut(self) -> None:
        self._inner = None


def _signature_text(signature: Signature, public: PublicKeys) -> bytes:
    document = {
        "algorithm": "Ed25519",
        "signs": MANIFEST,
        "key_id": signature.key_id,
        "signature": signature.value,
        "public_key": base64.b64encode(public[signature.key_id]).decode(),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


README = """\
YOUR DATA, OUT OF SMOALL                                           (français plus bas)
======================================================================================
This archive holds everything that your workspace held, in formats that need no Smoall:

  rows/            one CSV file a table (UTF-8, comma, first line: names of the columns)
  files/           the files that you stored
  shared.json      what Smoall holds about your company beside the workspace
  schema.sql       the tables, for PostgreSQL 15 or later; triggers.sql: what watches them
  restore.sql      loads everything: unpack, then  psql -f restore.sql  in an empty database
  manifest.json    what is in here: size and SHA-256 of each part, number of rows a table
  manifest.sig     Smoall's signature (Ed25519) of manifest.json
  verify.py        checks that nothing was altered: unpack, then  python3 verify.py

To know that the signature is Smoall's own, give verify.py Smoall's public keys, which stand
at https://<Smoall's address>/.well-known/smoall-keys.json :
  python3 verify.py --keys smoall-keys.json
A workspace of Smoall's can load the archive again as it is, still encrypted.
Keep it as you would keep your accounts: it holds people's data, and once unpacked nothing encrypts it.


VOS DONNÉES, SORTIES DE SMOALL
======================================================================================
Cette archive contient tout ce que contenait votre espace de travail, dans des formats qui se passent
de Smoall :

  rows/            un fichier CSV par table (UTF-8, virgule, première ligne : noms des colonnes)
  files/           les fichiers que vous avez déposés
  shared.json      ce que Smoall conserve sur votre société en dehors de l'espace de travail
  schema.sql       les tables, pour PostgreSQL 15 ou plus récent ; triggers.sql : ce qui les surveille
  restore.sql      charge tout : décompressez, puis  psql -f restore.sql  dans une base vide
  manifest.json    le contenu : taille et SHA-256 de chaque partie, nombre de lignes par table
  manifest.sig     la signature (Ed25519) de manifest.json par Smoall
  verify.py        vérifie que rien n'a été modifié : décompressez, puis  python3 verify.py

Pour savoir que la signature est bien celle de Smoall, donnez à verify.py les clés publiques de Smoall,
publiées à https://<adresse de Smoall>/.well-known/smoall-keys.json :
  python3 verify.py --keys smoall-keys.json
Un espace de travail de Smoall peut recharger l'archive telle quelle, encore chiffrée.
Gardez-la comme vous gardez votre comptabilité : elle contient des données de personnes et n'est plus chiffrée
une fois décompressée.
"""
