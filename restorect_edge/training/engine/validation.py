"""Validation of a run: protocol ``standard`` on held-out pairs, and pictures to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from restorect_edge.evaluation.metrics import gt_mean, psnr, ssim
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.pairs import Pair
from restorect_edge.training.engine.checkpoint import writing
from restorect_edge.training.engine.stage import Restore
from restorect_edge.utils.files import replacing

__all__ = ["SHOWN", "Scores", "validate"]

Scores = dict[str, float]
"""Means over the pairs: `psnr` and `psnr_gt_mean` in dB, `ssim`."""

SHOWN = 4
"""Pairs that are drawn as pictures."""
HEIGHT = 240
"""Of a picture in the sheet, in pixels."""


def validate(
    restore: Restore, pairs: Sequence[Pair], multiple: int, device: torch.device, sheet: Path | None = None
) -> Scores:
    """Score 8-bit outputs on pairs, cropped to sides that are multiples of `multiple`.

    Args:
        restore: the network.
        pairs: files; one is held in memory at a time.
        multiple: what image sides must be divisible by.
        device: of the network.
        sheet: where to draw input, output and target of the first pairs, as JPEG.
    """
    rows: list[tuple[float, ...]] = []
    shown: list[tuple[ImageU8, ...]] = []
    for degraded, clean in _cropped(pairs, multiple):
        output = _restored(restore, degraded, clean, device)
        # on 8-bit outputs, as users get them
        rows.append((psnr(output, clean), psnr(gt_mean(output, clean), clean), ssim(output, clean)))
        if len(shown) < SHOWN:
            shown.append((degraded, output, clean))
    if sheet is not None:
        _draw(sheet, shown)
    means = np.mean(rows, axis=0)
    return dict(zip(("psnr", "psnr_gt_mean", "ssim"), (float(m) for m in means), strict=True))


def _cropped(pairs: Sequence[Pair], multiple: int) -> Iterator[tuple[ImageU8, ImageU8]]:
    for pair in pairs:
        degraded, clean = pair.read()
        height, width = (side // multiple * multiple for side in degraded.shape[:2])
        # cropped, not padded: padding would count in the scores
        yield degraded[:height, :width], clean[:height, :width]


def _restored(restore: Restore, degraded: ImageU8, clean: ImageU8, device: torch.device) -> ImageU8:
    planes = [_planes(image, device) for image in (degraded, clean)]
    with torch.no_grad():
        restored = restore(*planes)[0].float().cpu().numpy().transpose(1, 2, 0)
    levels: ImageU8 = np.rint(np.clip(restored, 0.0, 1.0) * 255).astype(np.uint8)
    return levels


def _planes(image: ImageU8, device: torch.device) -> torch.Tensor:
    values = image.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    return torch.from_numpy(values)[None].to(device)


def _draw(path: Path, rows: Sequence[tuple[ImageU8, ...]]) -> None:
    """Draw a row per pair: degraded, restored, clean."""
    width = max(round(row[0].shape[1] * HEIGHT / row[0].shape[0]) for row in rows)
    sheet = Image.new("RGB", (3 * width, HEIGHT * len(rows)))
    for line, row in enumerate(rows):
        for column, image in enumerate(row):
            size = (round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT)
            sheet.paste(Image.fromarray(image).resize(size), (column * width, line * HEIGHT))
    with writing(f"the pictures '{path}'"), replacing(path) as stream:
        sheet.save(stream, "JPEG", quality=90)
