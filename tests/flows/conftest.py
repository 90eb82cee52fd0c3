"""One Prefect server for all tests that neither stop nor configure it: each start of one takes seconds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from flows.services import prefect_server


@pytest.fixture(scope="session")
def shared_prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """What makes that server the one of this process, and of those it starts, for a block."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture
def prefect(shared_prefect: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """That server, in use during a test."""
    with shared_prefect():
        yield
