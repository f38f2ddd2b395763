from collections.abc import Iterator

import pytest

from tests.conftest import Cast
from tests.history import shelf


@pytest.fixture
def library(acme: Cast) -> Iterator[Cast]:
    """acme, with the tables of shelf.py, entered as its owner."""
    shelf.make_tables(acme.id)
    with shelf.installed(), acme.inside():
        yield acme
