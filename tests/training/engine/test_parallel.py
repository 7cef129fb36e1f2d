"""Processes that train together."""

import multiprocessing

import torch

from restorect_edge.training.engine.parallel import average_gradients, processes, rank, world_size


def test_alone_there_is_one_process():
    with processes() as device:
        assert (rank(), world_size()) == (0, 1)
        assert device.type in {"cpu", "cuda"}


def average(number, port, answers):
    import os

    os.environ |= {"RANK": str(number), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    first, second = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    with processes():
        first.grad = torch.full((2,), float(number + 1))
        if number:
            second.grad = torch.ones(2)
        average_gradients([first, second])
    answers.put([p.grad.tolist() for p in (first, second)])


def test_gradients_are_averaged_and_a_missing_one_counts_as_zero():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    workers = [spawn.Process(target=average, args=(number, port, answers)) for number in range(2)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert found == [[[1.5, 1.5], [0.5, 0.5]]] * 2
