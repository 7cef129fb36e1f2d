"""HDR frames brought to BT.709: what PQ and HLG stand for, other primaries, and highlights rolled off.

Light is in units of 203 cd/m², which ITU-R BT.2408 has as the white of paper. PQ is SMPTE ST 2084; HLG is
ITU-R BT.2100 for a display of 1000 cd/m² (gamma 1.2). Brightness above `KNEE` is compressed by a Möbius
curve, which keeps what is below as it is and reaches white at the display's peak.
"""

import numpy as np
from numpy.typing import NDArray

from restorect_edge.media.video.color import HLG, Color

__all__ = ["tone_mapped"]

PAPER, PEAK = 203.0, 1000.0
"""cd/m²."""
KNEE = 0.3
DISPLAY_GAMMA = 2.4
"""ITU-R BT.1886."""
TO_709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
    np.float32,
)
"""From linear RGB of BT.2020, ITU-R BT.2087."""
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)

Values = NDArray[np.float32]


def tone_mapped(rgb: Values, color: Color) -> tuple[Values, Color]:
    """Return an HDR frame as SDR.

    Args:
        rgb: (H, W, 3) as coded, in [0, 1].
        color: its own, PQ or HLG.

    Returns:
        (H, W, 3) in [0, 1], and its colors: BT.709 throughout.
    """
    light = _hlg(rgb) if color.transfer == HLG else _pq(rgb)
    # colors of BT.2020 that BT.709 cannot show are negative there
    linear = np.maximum(light @ TO_709.T, 0)
    brightest = linear.max(axis=-1, keepdims=True)
    # one factor for all channels keeps the hue; each for itself, a colored lamp would turn white
    linear *= _rolled_off(brightest) / np.maximum(brightest, 1e-6)
    coded = np.clip(linear, 0, 1) ** np.float32(1 / DISPLAY_GAMMA)
    return coded, Color(matrix="bt709", full=False, transfer=1, primaries=1, depth=color.depth)


def _pq(coded: Values) -> Values:
    # the inverse of ST 2084's curve with its m₂, c₁, c₂, c₃ and m₁; full scale is 10000 cd/m²
    power = coded ** np.float32(1 / 78.84375)
    base = np.maximum(power - np.float32(0.8359375), 0) / (
        np.float32(18.8515625) - np.float32(18.6875) * power
    )
    light: Values = base ** np.float32(1 / 0.1593017578125) * np.float32(10_000 / PAPER)
    return light


def _hlg(coded: Values) -> Values:
    # the inverse of BT.2100's curve with its a, b and c, then the display's gamma: brightness to the power of
    # 0.2 more
    low = coded**2 / 3
    high = (np.exp((coded - np.float32(0.55991073)) / np.float32(0.17883277)) + np.float32(0.28466892)) / 12
    scene = np.where(coded <= 0.5, low, high)
    luma = np.maximum(scene @ LUMA_2020, 1e-6)[..., None]
    light: Values = (scene * luma ** np.float32(0.2) * np.float32(PEAK / PAPER)).astype(np.float32)
    return light


def _rolled_off(value: Values) -> Values:
    """Compress what is above the knee so that the peak becomes 1."""
    # the Möbius curve of libplacebo and FFmpeg: a straight line up to the knee, which it leaves
    # with the same value and slope, so that no edge shows where compression begins
    peak = PEAK / PAPER
    a = -(KNEE**2) * (peak - 1) / (KNEE**2 - 2 * KNEE + peak)
    b = (KNEE**2 - 2 * KNEE * peak + peak) / (peak - 1)
    above = (b**2 + 2 * b * KNEE + KNEE**2) / (b - a) * (value + a) / (value + b)
    return np.where(value <= KNEE, value, above).astype(np.float32)
