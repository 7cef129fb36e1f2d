"""Closing while calls run, whichever thread closes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from restorect_edge.errors import BackendError
from restorect_edge.inference.lifetime import Lifetime

PATIENCE = 30


@pytest.fixture
def lifetime():
    return Lifetime("the tested runtime", {})


def test_closing_waits_for_another_threads_call(lifetime):
    inside, go, released = threading.Event(), threading.Event(), []

    def call():
        with lifetime.call():
            inside.set()
            assert go.wait(PATIENCE)
            assert not released

    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(call)
        assert inside.wait(PATIENCE)
        closing = pool.submit(lifetime.close, lambda: released.append(0))
        with pytest.raises(BackendError, match="the tested runtime is closed; load it again"):
            while not closing.done():
                with lifetime.call():
                    pass
        go.set()
        running.result(PATIENCE)
        closing.result(PATIENCE)
    assert released == [0]


def test_a_call_that_closes_does_not_wait_for_itself(lifetime):
    """As a signal's handler does: what it holds goes when the runtime does."""
    with lifetime.call():
        lifetime.close(lambda: pytest.fail("released in the middle of a call"))
    with pytest.raises(BackendError, match="closed"):
        lifetime.check()


def test_an_error_ends_a_call(lifetime):
    with pytest.raises(ValueError, match="mine"), lifetime.call():
        raise ValueError("mine")
    released = []
    lifetime.close(lambda: released.append(0))
    assert released == [0]
