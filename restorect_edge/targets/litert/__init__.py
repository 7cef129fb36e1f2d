"""LiteRT, formerly TensorFlow Lite."""

from collections.abc import Iterator
from pathlib import Path

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["LiteRTTarget"]


class LiteRTTarget(Target):
    """LiteRT files for Android."""

    name = "litert"
    label = "LiteRT"
    summary = "LiteRT .tflite for Android, fixed sides"
    format = "tflite"
    needs = (Need("litert_torch", "litert"), Need("ai_edge_litert", "litert"))
    backends = (
        Backend(
            name="litert",
            label="LiteRT",
            module=f"{__name__}.runtime",
            class_name="LiteRTRuntime",
            extra="litert",
            reads=("tflite",),
            libraries=("ai_edge_litert",),
        ),
    )
    verified_by = "litert"
    leaves_open = "not run on device"
    free_sides = False
    sides = ((512, 512),)  # tiles
    agreement = 40.0  # XNNPACK fuses, and rounds between layers in its own way; saturation gives 32 dB

    def next_commands(self, path: Path) -> Iterator[str]:
        """Yield how to look at its result here, and where the files go."""
        yield from super().next_commands(path)
        yield f"copy '{path}' to the assets of your app; runtimes/android says how to call it"
