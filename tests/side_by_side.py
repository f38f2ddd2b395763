"""Two of everything, side by side: how tests are dealt out to the processes of `scripts/test`.

Each process has a deployment of its own (tests/environment.py). A file stays in one process, since its fixtures
are made once; so do all browser tests, which share one running deployment. They take longest, so they begin first.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

BROWSER = "tests/browser/"


class ByFile(LoadScopeScheduling):
    """A process that is done takes the next file; the browser's are one."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))
