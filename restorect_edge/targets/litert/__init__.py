"""LiteRT, formerly TensorFlow Lite."""

from restorect_edge.targets.base import TILES, Backend, Need, PhoneTarget

__all__ = ["LiteRTTarget"]


class LiteRTTarget(PhoneTarget):
    """LiteRT files for Android."""

    name = "litert"
    label = "LiteRT"
    summary = "LiteRT .tflite for Android, fixed sides"
    format = "tflite"
    needs = (Need("litert_torch", "litert"), Need("ai_edge_litert", "litert"))
    backends = (Backend(class_name="LiteRTRuntime", libraries=("ai_edge_litert",)),)
    levels = True
    free_sides = False
    sides = TILES
    agreement = 40.0  # XNNPACK fuses, and rounds between layers in its own way; saturation gives 32 dB
