"""The float32 network that an artifact stands for, as a function of arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from restorect_edge.artifact import Artifact
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models.weights import load_weights

__all__ = ["REFERENCE_FILE", "of_artifact", "of_network"]

REFERENCE_FILE = "reference.pt2"
"""Where an artifact of the user's own network keeps that network."""


def of_network(network: nn.Module) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function (1, 3, H, W) → (1, 3, scale·H, scale·W) that runs `network`."""

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            result: NDArray[np.float32] = network(torch.from_numpy(image)).numpy()
        return result

    return run


def of_artifact(
    artifact: Artifact, weights: str | Path | None = None
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Find the network: `weights`, or the user's own in the artifact, or shipped weights by name.

    Raises:
        UsageError: the weights are not here.
        IncompatibleError: weights of that name are here but are others.
    """
    own = artifact.path / REFERENCE_FILE
    if own.is_file():
        return of_network(torch.export.load(own).module())
    facts = artifact.manifest.weights
    if not facts:
        raise UsageError(f"'{artifact.path}' does not say which network it was made from")
    loaded = load_weights(weights or str(facts["name"]), steps=artifact.manifest.steps)
    if loaded.sha256 != facts["sha256"]:
        raise IncompatibleError(
            f"'{artifact.path}' was made from other weights than '{weights or facts['name']}' here"
        )
    return of_network(loaded.network)
