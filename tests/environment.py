"""The deployment that tests run on, made before Django reads its settings: a folder and a PostgreSQL of their own.

A pytest plugin, named in pyproject.toml, since settings are read before any conftest.
"""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

from config import embedded_postgres
from scripts.messages import compile_catalogues

DATA = Path(tempfile.mkdtemp(prefix="smoall-test-"))
for name in (
    "DATABASE_URL",
    "SMOALL_SMTP",
    "SMOALL_SECRET_KEY",
    "SMOALL_MASTER_KEY",
    "SMOALL_MASTER_KEY_FILE",
    "SMOALL_STRIPE_KEY",
    "SMOALL_STRIPE_WEBHOOK_SECRET",
    "SMOALL_STRIPE_API",
):
    os.environ.pop(name, None)
os.environ |= {
    "SMOALL_DATA": str(DATA),
    "SMOALL_ENV": "development",
    "SMOALL_PROCESS": "command",
    "SMOALL_DOMAIN": "smoall.localhost",
    "SMOALL_PORT": "80",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
DATA.chmod(0o755)
(DATA / "static").mkdir()  # nothing is collected for tests
compile_catalogues()  # what Django reads is made from the .po files and not committed
# The process that only deals tests out to others (pytest -n) needs no server.
if "PYTEST_XDIST_WORKER" in os.environ or "-n" not in sys.argv:
    embedded_postgres.start(DATA, durable=False)
_maker = os.getpid()


@atexit.register
def _end() -> None:
    if os.getpid() != _maker:  # a forked child leaves its parent's server alone
        return
    embedded_postgres.stop(DATA)
    shutil.rmtree(DATA, ignore_errors=True)


def pytest_collection_finish() -> None:
    """What has been made by now stays: nobody looks through all of it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
