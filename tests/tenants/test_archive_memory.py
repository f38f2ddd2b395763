"""An archive is written and verified in constant memory, however large its parts are."""

import subprocess
import sys
from pathlib import Path

from tests.tenants.archives import PUBLIC, SECRET

HUNGRY = """
import random, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from tenants.archive import ArchiveReader, ArchiveWriter, ManifestFields
from tenants.keys import KeyStore
folder, secret, public, megabytes = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
block = random.Random(1).randbytes(256 << 10) + bytes(768 << 10)
store = KeyStore(folder / "keys")
with (folder / "a").open("wb") as file:
    with ArchiveWriter(file, [public], keys=store, made_at=datetime.now(UTC)) as writer:
        writer.add("files/warm-up", [block])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        writer.add("files/large", (block for _ in range(megabytes)))
        writer.close(ManifestFields(release="1", fingerprint="", tenant=UUID(int=1), counts={}))
with ArchiveReader(folder / "a", secret) as reader:
    assert reader.verify(store.public_keys()).is_sound
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, (folder / "a").stat().st_size)
"""


def test_a_part_of_300_megabytes_is_written_and_verified_in_constant_memory(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", HUNGRY, str(tmp_path), SECRET, PUBLIC, "300"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    grown, size = map(int, answer.stdout.split())
    assert size > 75_000_000
    assert grown < 20, f"{grown} MB more"
