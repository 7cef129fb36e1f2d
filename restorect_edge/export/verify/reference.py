"""The float32 network that an artifact stands for, as a function of arrays."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from restorect_edge.artifact import Artifact, file_hash
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.export.foreign import ModelNetwork
from restorect_edge.export.verify.compare import Called, Reference
from restorect_edge.models.weights import Weights, load_weights
from restorect_edge.utils.foreign import foreign_errors
from restorect_edge.weights import locate, names
from restorect_edge.weights.kinds import there

__all__ = ["file_name", "of_artifact", "of_network", "weights_of"]

MODEL = ".model"
"""Ends the name of such a copy where it is a model of another format."""


def file_name(stem: str) -> str:
    """Return where an artifact keeps the user's own network as it was traced for the graph file `stem`."""
    return f"reference{stem.removeprefix('model')}.pt2"


def of_network(network: nn.Module) -> Reference:
    """Return a function (1, 3, H, W) → (1, 3, scale·H, scale·W) that runs `network`.

    It raises `IncompatibleError` where the network does not take an image of that size, which a manifest that
    was made elsewhere may say.
    """

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            with torch.inference_mode():
                result: NDArray[np.float32] = network(torch.from_numpy(image)).numpy()
        except RuntimeError as error:
            height, width = image.shape[-2:]
            said = str(error).strip().partition("\n")[0]
            raise IncompatibleError(
                f"the float32 network does not take an image of {height}x{width} (height x width): {said}"
            ) from error
        return result

    return Called(run, network.called) if isinstance(network, ModelNetwork) else run


def of_artifact(artifact: Artifact, weights: str | Path | None = None) -> Reference:
    """Find the network: `weights`, or the user's own in the artifact, or shipped weights by name.

    Args:
        artifact: to be judged.
        weights: of the network; None to find it.

    Raises:
        UsageError: the weights are not here.
        IncompatibleError: weights of that name are here but are others, or were not trained for the steps
            that it takes.
    """
    own = {g.shape: artifact.path / file_name(Path(g.file).stem) for g in artifact.manifest.graphs}
    models = {shape: path.with_suffix(MODEL) for shape, path in own.items()}
    for paths, run in ((own, _of_programs), (models, _of_models)):
        if all(path.is_file() for path in paths.values()):
            if weights is not None:
                _check_same(artifact, weights)
            return run(paths, artifact)
    return of_network(weights_of(artifact, weights).network)


def _check_same(artifact: Artifact, weights: str | Path) -> None:
    """Raise unless an artifact that carries its own network was made from the weights that are named."""
    wanted = artifact.manifest.weights.get("sha256")
    if wanted is None:
        raise UsageError(f"'{artifact.path}' carries the network that it was made from: leave --weights out")
    path = Path(weights)
    if str(weights) in names() or not (there(path) and path.is_file()):
        path = locate(weights)
    if file_hash(path) != wanted:
        raise IncompatibleError(f"'{artifact.path}' was made from other weights than '{weights}' here")


def weights_of(artifact: Artifact, weights: str | Path | None = None) -> Weights:
    """Load the weights that an artifact was made from: `weights`, or shipped ones by the name it gives.

    Args:
        artifact: made from weights.
        weights: name or file; None to find them.

    Raises:
        UsageError: the weights are not here, or it was made from a network of one's own.
        IncompatibleError: weights of that name are here but are others, or were not trained for the steps
            that it takes.
    """
    facts = artifact.manifest.weights
    if not facts:
        raise UsageError(f"'{artifact.path}' does not say which network it was made from")
    named = str(weights or facts.get("name", ""))
    # The manifest may come from anywhere, so what it calls weights must be a name and no path.
    if weights is None and named not in names():
        raise UsageError(
            f"'{artifact.path}' was made from weights '{named}', which are not shipped; name their file"
        )
    loaded = load_weights(named)
    if loaded.sha256 != facts.get("sha256"):
        raise IncompatibleError(f"'{artifact.path}' was made from other weights than '{named}' here")
    if artifact.manifest.steps in (None, loaded.steps):
        return loaded
    try:
        return load_weights(named, steps=artifact.manifest.steps)
    except UsageError as error:  # what a manifest says is no mistake of the caller's
        raise IncompatibleError(f"'{artifact.path}' cannot be compared: {error}") from error


def _of_models(paths: dict[tuple[int, int] | None, Path], artifact: Artifact) -> Reference:
    """Run the model of somebody else that the artifact was made of, at the image's size."""
    with foreign_errors("the artifact's own copy of its network cannot be loaded", IncompatibleError):
        networks = {s: ModelNetwork(path, artifact.manifest.spec) for s, path in paths.items()}
    runs = {shape: of_network(network) for shape, network in networks.items()}
    name = next(iter(networks.values())).called
    return Called(lambda image: (runs.get(None) or runs[image.shape[2], image.shape[3]])(image), name)


def _of_programs(paths: dict[tuple[int, int] | None, Path], artifact: Artifact) -> Reference:
    """Run the program that was traced for the image's size, or the one for any size."""
    with foreign_errors("the artifact's own copy of its network cannot be loaded", IncompatibleError):
        runs = {shape: of_network(torch.export.load(path).module()) for shape, path in paths.items()}

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        chosen = runs.get(None) or runs[image.shape[2], image.shape[3]]
        return chosen(image)

    return run
