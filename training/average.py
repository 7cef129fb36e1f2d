"""Average weights of runs that began alike: the mean is often better on unseen scenes than each.

    python training/average.py before.safetensors after.safetensors -o mean.safetensors
    python training/average.py a.safetensors b.safetensors --shares 0.75 0.25 -o mean.safetensors

Only networks of one preset can be averaged, of which one began with the other, or both with the same: others
have their channels in another order.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from restorect_edge.artifact import file_hash
from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.models.flow import STEPS_KEY
from restorect_edge.models.weights import read_tensors
from restorect_edge.weights import card, locate


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the mean with a small card beside it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", nargs="+", help="shipped weights by name, or paths")
    parser.add_argument("--shares", type=float, nargs="+", help="one each, together 1 (default: equal)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(arguments)
    try:
        write([locate(source) for source in args.weights], args.shares, args.output)
    except RestorectError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def write(paths: Sequence[Path], shares: Sequence[float] | None, output: Path) -> None:
    """Write the mean of weights files and its card."""
    facts = [card(path) for path in paths]
    presets = {str(each.get("preset")) for each in facts}
    if len(presets) > 1:
        raise UsageError(f"weights of one preset can be averaged, got {', '.join(sorted(presets))}")
    mean = averaged([read_tensors(path)[0] for path in paths], shares or [1 / len(paths)] * len(paths))
    output.parent.mkdir(parents=True, exist_ok=True)
    preset = presets.pop()
    save_file(mean, output, metadata={"config": json.dumps({"preset": preset})})
    told = {key: facts[0][key] for key in ("task", STEPS_KEY) if key in facts[0]}
    begun = [{"name": path.stem, "sha256": file_hash(path)} for path in paths]
    text = json.dumps({"preset": preset, **told, "license": "not stated", "mean_of": begun}, indent=2)
    output.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def averaged(states: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean of networks' tensors, float32.

    Raises:
        UsageError: shares that do not fit, or networks with other tensors.
    """
    if len(shares) != len(states) or min(shares) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
        got = ", ".join(map(str, shares))
        raise UsageError(f"--shares must be {len(states)} numbers that add up to 1, got {got}")
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(found != shapes[0] for found in shapes):
        raise UsageError("the files hold other tensors than the first, so they are not of one network")
    parts = [
        {name: share * tensor.float() for name, tensor in state.items()}
        for state, share in zip(states, shares, strict=True)
    ]
    return {name: sum((part[name] for part in parts[1:]), parts[0][name]) for name in parts[0]}


if __name__ == "__main__":
    sys.exit(main())
