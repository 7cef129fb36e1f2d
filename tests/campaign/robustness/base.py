"""The artifacts that a campaign runs and mutates, made once."""

import subprocess
import sys
from pathlib import Path

__all__ = ["EXPORTS", "artifacts"]

EXPORTS = {
    "onnx": ("--target", "onnx", "--shapes", "64x96"),
    "onnx-split": ("--target", "onnx", "--form", "split", "--dynamic"),
    "openvino": ("--target", "openvino", "--shapes", "64x96"),
    "openvino-split": ("--target", "openvino", "--form", "split", "--dynamic"),
    "onnx-int8": ("--target", "onnx", "--precision", "int8", "--shapes", "64x96", "--num-calib", "4"),
    "tensorrt": ("--target", "tensorrt", "--shapes", "64x96"),
    "coreml": ("--target", "coreml", "--shapes", "64x96"),
    "litert": ("--target", "litert", "--shapes", "64x96"),
}
"""Options of each artifact; lowlight-nano is the network."""


def artifacts(folder: Path) -> dict[str, str]:
    """Return the directories of the artifacts by name; where the folder is not there, they are exported."""
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}-unfinished")
        for name, options in EXPORTS.items():
            command = [sys.executable, "-m", "restorect_edge.export", "--weights", "lowlight-nano", *options]
            subprocess.run([*command, "-o", partial / name, "--overwrite"], check=True)
        partial.rename(folder)
    return {path.parent.parent.name: str(path.parent) for path in sorted(folder.glob("*/*/manifest.json"))}
