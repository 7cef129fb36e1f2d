"""Several processes under ``torchrun``: each draws its own samples, gradients are averaged."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["average_gradients", "processes", "rank", "world_size"]


def world_size() -> int:
    """Return how many processes take part; 1 without ``torchrun``."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def processes() -> Iterator[torch.device]:
    """Join the other processes of this run, if any, and yield the device of this one."""
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if world_size() == 1:
        yield device
        return
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over the processes; a parameter without one counts as zero."""
    if world_size() == 1:
        return
    parameters = list(parameters)
    flat = torch.cat([_gradient(p).reshape(-1) for p in parameters])
    dist.all_reduce(flat)
    flat /= world_size()
    for p, piece in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
        p.grad = piece.view_as(p)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
