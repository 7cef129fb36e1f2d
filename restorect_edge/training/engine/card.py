"""The card of trained weights: what is known of them, beside them as JSON."""

import json
from pathlib import Path
from typing import Any

from restorect_edge.artifact import file_hash
from restorect_edge.training.engine.checkpoint import writing
from restorect_edge.utils.files import replacing

__all__ = ["write_card"]


def write_card(weights: Path, facts: dict[str, Any], *, minutes: float) -> None:
    """Write ``<weights>.json``; what the data's license allows is for a person to fill in.

    Args:
        weights: the safetensors file.
        facts: `kind`, `config`, `step`, `validation`, and what else the run says of itself.
        minutes: of training.
    """
    config = facts["config"]
    scores = {key: round(value, 4) for key, value in facts["validation"].items()}
    card = {
        "name": weights.parent.name,
        "preset": config["preset"],
        "task": config["task"],
        "seed": config["seed"],
        "training_minutes": round(minutes, 1),
        "license": "not stated",
        **facts,
        "validation": {"protocol": "standard", **scores},
        "sha256": file_hash(weights),
    }
    path = weights.with_suffix(".json")
    with writing(f"the card '{path}'"), replacing(path) as stream:
        stream.write((json.dumps(card, indent=2) + "\n").encode())
