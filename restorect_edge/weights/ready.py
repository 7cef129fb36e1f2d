"""Shipped weights that are exported already: ONNX, prior and body, any size; run without PyTorch.

``make ready`` writes them (``export/ready.py``) below `FOLDER`; each belongs to the weights file whose sha256
its manifest has.
"""

from pathlib import Path

from restorect_edge.weights import names

__all__ = ["FOLDER", "FORMAT", "PRECISIONS", "available", "find"]

FOLDER = Path(__file__).parent / "exported"
FORMAT = "onnx"
"""What a backend must read to run them."""
PRECISIONS = ("fp32", "int8")


def available(name: str) -> list[str]:
    """Return the precisions that weights are ready in, empty for none."""
    return [p for p in PRECISIONS if (FOLDER / f"{name}-{p}" / "manifest.json").is_file()]


def find(name: str, precision: str) -> Path | None:
    """Return the artifact of shipped weights by `name` in a `precision`, or None."""
    ready = name in names() and precision in available(name)
    return FOLDER / f"{name}-{precision}" if ready else None
