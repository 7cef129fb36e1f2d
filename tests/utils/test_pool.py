"""What threads use in turns."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from restorect_edge.utils.pool import KEPT, Pool, cores

PATIENCE = 30


def test_one_thread_gets_the_same_thing_each_time():
    pool = Pool(object)
    with pool.lend() as first:
        pass
    with pool.lend() as second:
        assert second is first


def test_no_two_have_the_same_thing_at_once():
    pool = Pool(object)
    with pool.lend() as first, pool.lend() as second:
        assert first is not second


@pytest.mark.parametrize("most", [1, 2])
def test_who_finds_all_of_them_lent_waits(most):
    made, together, running = [], [], []
    pool = Pool(lambda: made.append(0) or len(made), most=most)

    def work(_):
        with pool.lend():
            running.append(0)
            together.append(len(running))
            running.pop()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(200), timeout=PATIENCE))
    assert len(made) <= most
    assert max(together) <= most


def test_a_thing_comes_back_after_an_error():
    pool = Pool(object, most=1)
    with pytest.raises(ValueError, match="mine"), pool.lend():
        raise ValueError("mine")
    with pool.lend():
        pass


def test_few_lie_idle():
    pool = Pool(object)
    barrier = threading.Barrier(3 * KEPT)

    def work(_):
        with pool.lend() as item:
            barrier.wait(PATIENCE)
            return item

    with ThreadPoolExecutor(3 * KEPT) as threads:
        assert len(set(threads.map(work, range(3 * KEPT)))) == 3 * KEPT
    assert len(pool._idle) == KEPT
    pool.clear()
    assert not pool._idle


def test_there_is_a_cpu():
    assert cores() >= 1
