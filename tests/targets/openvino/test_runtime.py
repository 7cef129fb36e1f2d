"""OpenVINO's requests and memory: what is made for calls that run at once, and for ever new sizes."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from restorect_edge.targets.openvino.requests import KEPT, Requests

PATIENCE = 60
GROWTH_MB = 60
"""Without a limit, 240 sizes of this network take 150 MB."""

MEASURE = """
import sys
import numpy as np
from pathlib import Path
import restorect_edge

def resident():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1000

with restorect_edge.load(sys.argv[1], threads=1) as restore:
    sizes = [(8 * row, 8 * column) for row in range(1, 19) for column in range(1, 19)]
    for index, size in enumerate(sizes):
        if index == 80:
            before = resident()
        restore(np.zeros((*size, 3), np.uint8))
print(resident() - before)
"""

FIRST_CALLS = """
import os, sys, threading
import numpy as np
import restorect_edge

sys.setswitchinterval(1e-6)  # else it takes dozens of processes to meet
with restorect_edge.load(sys.argv[1], threads=1) as restore:
    start = threading.Barrier(8)

    def call():
        start.wait()
        restore(np.zeros((64, 96, 3), np.uint8))

    threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    os._exit(any(thread.is_alive() for thread in threads))
"""
"""What is built once in a process is built by its first call, so each try is a process."""


class Model:
    def __init__(self):
        self.requests = 0

    def create_infer_request(self):
        self.requests += 1
        return object()


def lent_at_once(requests, count):
    """Return the requests that so many threads hold at the same time."""
    barrier = threading.Barrier(count)

    def work(_):
        with requests.lend() as request:
            barrier.wait(PATIENCE)
            return request

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count), timeout=PATIENCE))


def test_one_caller_has_one_graph_and_one_request():
    made = []
    requests = Requests(lambda: made.append(Model()) or made[-1], 4)
    held = set()
    for _ in range(5):
        with requests.lend() as request:
            held.add(request)
    assert (len(made), made[0].requests, len(held)) == (1, 1, 1)
    assert requests.model is made[0]


@pytest.mark.parametrize(("most", "callers"), [(1, 3), (2, 2), (2, 6), (3, 2)])
def test_graphs_are_compiled_for_callers_up_to_a_limit(most, callers):
    made = []
    requests = Requests(lambda: made.append(Model()) or made[-1], most)
    for _ in range(6):
        assert len(set(lent_at_once(requests, callers))) == callers
    assert 1 <= len(made) <= min(most, callers)
    assert len(made) == min(most, callers)
    assert all(len(each.idle) <= KEPT and each.lent == 0 for each in requests._compiled)


def test_a_graph_that_cannot_be_compiled_again_is_an_error_and_nothing_is_lost():
    made = []

    def compile_model():
        if made:
            raise RuntimeError("no memory")
        made.append(Model())
        return made[-1]

    requests = Requests(compile_model, 2)
    with requests.lend(), pytest.raises(RuntimeError, match="no memory"), requests.lend():
        pass
    with requests.lend():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory as Linux tells it")
def test_memory_is_bounded_under_ever_new_sizes(artifact_openvino_split):
    command = [sys.executable, "-c", MEASURE, str(artifact_openvino_split.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < GROWTH_MB


@pytest.mark.parametrize("number", range(5))
def test_the_first_calls_of_a_process_may_be_of_many_threads(artifact_openvino_split, number):
    command = [sys.executable, "-c", FIRST_CALLS, str(artifact_openvino_split.path)]
    assert subprocess.run(command, timeout=120).returncode == 0
