"""Loading weights into networks. Only safetensors are read, so nothing is ever unpickled."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models.flow import STEPS_ALLOWED, STEPS_KEY
from restorect_edge.models.reach import halo
from restorect_edge.models.student import MULTIPLE, Student, build
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import reason
from restorect_edge.weights import card, locate

__all__ = ["Weights", "load_weights", "read_tensors"]


@dataclass(frozen=True, slots=True)
class Weights:
    """A network for inference with everything known about it."""

    name: str
    network: nn.Module
    """Fused, in evaluation mode: (N, 3, H, W) in [0, 1] → the same."""
    card: dict[str, Any]
    sha256: str
    steps: int | None
    """Of the flows; None for a network without."""
    contract: ImageSpec | None = None
    """Of a network that is not of this package; ours follow from their structure."""

    @property
    def student(self) -> Student | None:
        """The network if it has a prior and a local body, else None."""
        return self.network if isinstance(self.network, Student) else None

    def spec(self, *, split: bool) -> ImageSpec:
        """Return the contract of the whole network, or of its body alone, which only students have."""
        if self.contract is not None:
            return self.contract
        multiple = int(getattr(self.network, "multiple", MULTIPLE))
        size = SizeRequirements(minimum=multiple, multiple_of=multiple)
        if not split:
            return ImageSpec(size=size)
        return ImageSpec(size=size, halo=halo(self.body_owner().body))

    def body_owner(self) -> Student:
        """Return the student, or raise `UsageError` for a network that cannot be split."""
        if self.student is None:
            raise UsageError(
                f"'{self.name}' has no prior and local body, so it cannot be split or tiled; use --form whole"
            )
        return self.student


def load_weights(source: str | Path, *, steps: int | None = None) -> Weights:
    """Load shipped weights by name, or one's own by path.

    Args:
        source: a name such as ``lowlight-small``, or the path of a ``.safetensors`` file that
            ``restorect_edge.train`` wrote.
        steps: Euler steps of the flows, one of 1, 2, 4, 8, and one that the weights were trained for; by
            default the preset's usual number, or the most that they were trained for.

    Raises:
        UsageError: unknown name, missing file, or steps that the weights were not trained for.
        IncompatibleError: the file is truncated, edited, not safetensors, or not of a known preset.
    """
    path = locate(source)
    tensors, metadata = read_tensors(path)
    facts = card(path)
    digest = file_hash(path)
    # a card is a file beside the weights, and may be of others
    if facts.get("sha256", digest) != digest:
        raise IncompatibleError(f"'{path}' is not the file that its card describes: sha256 {digest[:12]}…")
    network = build(_preset(path, facts, metadata))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise IncompatibleError(f"'{path}' does not fit its preset: {reason(error)}") from error
    network = network.deploy()
    chosen = _chosen_steps(path, _stated_steps(path, facts, metadata), network.config.steps, steps)
    network.set_steps(chosen)
    return Weights(str(facts.get("name", path.stem)), network, facts, digest, chosen)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        IncompatibleError: it is damaged, or something else.
        MissingDependencyError: the extra ``export`` is not installed.
    """
    safetensors = imported("safetensors", "loading weights", "export")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise IncompatibleError(
            f"'{path}' is not a whole safetensors file ({error}); copy or train it again"
        ) from error


def _preset(path: Path, facts: dict[str, Any], metadata: dict[str, str]) -> str:
    try:
        preset = facts.get("preset") or json.loads(metadata.get("config", "{}")).get("preset")
    except (ValueError, AttributeError, RecursionError) as error:
        raise IncompatibleError(f"the entry 'config' of '{path}' is damaged: {reason(error)}") from error
    if not preset:
        raise IncompatibleError(
            f"'{path}' does not say which preset it is for: keep its .json card beside it, "
            "or use a file that restorect_edge.train wrote"
        )
    return str(preset)


def _stated_steps(path: Path, facts: dict[str, Any], metadata: dict[str, str]) -> Any:
    """Return what the card says of the steps of training, or else the file; None where neither does."""
    if STEPS_KEY in facts or STEPS_KEY not in metadata:
        return facts.get(STEPS_KEY)
    try:
        return json.loads(metadata[STEPS_KEY])
    except (ValueError, RecursionError) as error:
        raise IncompatibleError(f"the entry '{STEPS_KEY}' of '{path}' is damaged: {reason(error)}") from error


def _chosen_steps(path: Path, stated: Any, usual: int, wanted: int | None) -> int:
    """Return how many Euler steps the flows take.

    A flow that was trained through its own rollout of N steps ends elsewhere with another N, by up to 9 dB,
    and no comparison of an artifact with the same N in PyTorch would show it.

    Args:
        path: of the weights, for messages.
        stated: what card or file say they were trained for; None: the preset's usual number alone.
        usual: the preset's number.
        wanted: None for the usual one.
    """
    trained = _trained_steps(path, stated, usual)
    if wanted is None:
        return usual if usual in trained else trained[-1]
    if wanted not in STEPS_ALLOWED:
        raise UsageError(f"steps must be one of {_listed(STEPS_ALLOWED)}, got {wanted}")
    if wanted not in trained:
        how = "" if stated is not None else f", as far as is known: their card has no '{STEPS_KEY}'"
        raise UsageError(
            f"'{path.stem}' was trained for {_listed(trained)} Euler steps{how}; got {wanted}, "
            "with which its flow would end elsewhere: leave steps out, or train for that number"
        )
    return int(wanted)


def _trained_steps(path: Path, stated: Any, usual: int) -> list[int]:
    if stated is None:
        return [usual]
    if (
        not isinstance(stated, list)
        or not stated
        # not isinstance: true is an int there
        or not all(type(n) is int and n in STEPS_ALLOWED for n in stated)
    ):
        raise IncompatibleError(
            f"'{STEPS_KEY}' of '{path}' must list some of {_listed(STEPS_ALLOWED)}, for example [4]; "
            f"got {stated!r}"
        )
    return sorted(stated)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
