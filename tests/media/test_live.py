"""The queue between a camera and a slower network."""

import gc
import multiprocessing
import os
import threading
import warnings

import pytest

from restorect_edge.errors import BackendError
from restorect_edge.media.live import QUEUE, Latest

PATIENCE = 10


def threads():
    return [t for t in threading.enumerate() if t.name == "restorect-frames"]


def test_all_come_in_order_where_the_reader_keeps_up():
    turn = threading.Semaphore(1)

    def paced():
        for item in range(50):
            assert turn.acquire(timeout=PATIENCE)
            yield item

    found = []
    with Latest(paced()) as latest:
        for item in latest:
            found.append(item)
            turn.release()
        assert latest.dropped == 0
    assert found == list(range(50))


@pytest.mark.parametrize("length", [1, QUEUE, 5])
def test_the_oldest_are_dropped_and_order_is_kept(length):
    with Latest(range(100), length=length) as latest:
        latest._thread.join(PATIENCE)
        assert list(latest) == list(range(100 - length, 100))
        assert latest.dropped == 100 - length


def test_an_error_of_the_source_comes_after_the_items_before_it():
    def source():
        yield 1
        raise OSError("unplugged")

    with Latest(source()) as latest:
        assert next(latest) == 1
        with pytest.raises(OSError, match="unplugged"):
            next(latest)
        with pytest.raises(StopIteration):
            next(latest)
    assert not threads()


def endless(taken):
    item = 0
    while True:
        taken.append(item)
        yield item
        item += 1


def test_closing_stops_the_thread():
    taken = []
    latest = Latest(endless(taken))
    next(latest)
    latest.close()
    latest.close()
    assert not threads()
    with pytest.raises(StopIteration):
        next(latest)


def test_one_that_is_forgotten_stops_too():
    latest = Latest(endless([]))
    thread = latest._thread
    next(latest)
    del latest
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_source_may_close_it():
    opened = []

    def source():
        yield 1
        opened[0].close()
        yield 2

    turn = threading.Event()

    def later():
        assert turn.wait(PATIENCE)
        yield from source()

    opened.append(Latest(later()))
    turn.set()
    opened[0]._thread.join(PATIENCE)
    assert not threads()
    assert list(opened[0]) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_no_reading_thread_and_says_so():
    latest = Latest(endless([]))
    next(latest)

    def child():
        with pytest.raises(BackendError, match=r"forked process.*open the source here"):
            next(latest)
        latest.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
    process.join(PATIENCE)
    process.kill()
    process.join()
    latest.close()
    assert process.exitcode == 0
