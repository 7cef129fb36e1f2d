"""Copies of graphs with free sides for the sizes that come again and again."""

import logging
import threading

import numpy as np
import pytest

import restorect_edge
from restorect_edge.targets.openvino.copies import AGAIN, MOST, FixedCopies
from restorect_edge.targets.openvino.requests import Requests

PATIENCE = 60


class Model:
    def create_infer_request(self):
        return object()


@pytest.fixture
def made():
    """Sizes for which a copy was made."""
    return []


@pytest.fixture
def copies(made):
    def compile_for(size):
        made.append(size)
        return Requests(Model, 1)

    copies = FixedCopies(compile_for)
    yield copies
    copies.close()


def test_a_size_that_comes_again_gets_a_copy(copies, made):
    found = [copies.of((8, 16)) for _ in range(AGAIN)]
    copies.wait()
    assert found == [None] * AGAIN
    assert made == [(8, 16)]
    assert copies.of((8, 16)) is copies.of((8, 16)) is not None
    assert copies.of((16, 8)) is None


def test_there_are_few_and_rare_sizes_get_none(copies, made):
    for side in range(1, 300):
        copies.of((side, side))
    for side in (8, 16, 24, 32):
        for _ in range(3 * AGAIN):
            copies.of((side, side))
    copies.wait()
    assert len(made) == MOST
    assert made == [(8, 8), (16, 16)]


def test_a_copy_that_cannot_be_made_is_said_and_the_graph_goes_on(caplog):
    def fail(size):
        raise RuntimeError("no memory")

    copies = FixedCopies(fail)
    with caplog.at_level(logging.WARNING):
        assert [copies.of((8, 16)) for _ in range(3 * AGAIN)] == [None] * 3 * AGAIN
        copies.wait()
    assert "no faster copy of the graph for 8x16: no memory" in caplog.text


def test_closing_waits_for_the_copy_that_is_being_made():
    begun, go = threading.Event(), threading.Event()

    def slow(size):
        begun.set()
        assert go.wait(PATIENCE)
        return Requests(Model, 1)

    copies = FixedCopies(slow)
    for _ in range(AGAIN):
        copies.of((8, 16))
    assert begun.wait(PATIENCE)
    closing = threading.Thread(target=copies.close)
    closing.start()
    go.set()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert copies.of((8, 16)) is None


def test_a_video_moves_to_its_copy_and_the_picture_stays(artifact_openvino_split, photo):
    with restorect_edge.load(artifact_openvino_split.path, threads=1) as restore:
        body = next(graph for graph in restore.info.graphs if graph.role == "body")
        copies = restore._session(body).copies
        with restore.stream([photo] * (AGAIN + 1)) as frames:
            before = next(frames)
            rest = list(frames)
        copies.wait()
        copy = copies.of(restore.info.spec.size.padded(*photo.shape[:2]))
        assert copy is not None
        assert copy.model.input("image").partial_shape.is_static
        with restore.stream([photo]) as frames:
            after = next(frames)
        for frame in (*rest, after):
            assert np.abs(frame.astype(int) - before).max() <= 1


def test_it_can_be_left_out_and_single_pictures_have_none(artifact_openvino_split, photo):
    with restorect_edge.load(artifact_openvino_split.path, threads=1) as restore:
        body = next(graph for graph in restore.info.graphs if graph.role == "body")
        list(restore.stream([photo] * (AGAIN + 1), fixed_copy=False))
        for _ in range(AGAIN + 1):
            restore(photo)
        copies = restore._session(body).copies
        copies.wait()
        assert copies.of(restore.info.spec.size.padded(*photo.shape[:2])) is None
