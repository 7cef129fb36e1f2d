"""Published figures of the field, by data set and by the protocol that they are comparable with.

Only what its authors, or who measured it, state with the protocol is listed: the same outputs differ by
several decibels between protocols, so a figure of unknown protocol says nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from restorect_edge.errors import unknown_name

__all__ = ["DATASETS", "FIGURES", "Figure", "comparable", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A method's published scores on the test part of a data set."""

    method: str
    dataset: str
    protocol: str
    """Of `restorect_edge.evaluation.protocols.PROTOCOLS`."""
    psnr: float
    """In dB."""
    ssim: float | None = None
    source: str
    """Where it is stated."""

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


_IAT = "README of cuiziteng/Illumination-Adaptive-Transformer, arXiv 2205.14871"
_RETINEXFORMER = "README of caiyuanhao1998/Retinexformer, 'same test setting as KinD', arXiv 2303.06705"
_CIDNET = "Yan et al., HVI, arXiv 2502.20272"
_LYT = "Brateanu et al., LYT-Net, arXiv 2401.15204"
_MOBILEIE = "Yan et al., MobileIE, arXiv 2507.01838"
_RESTORECT = "evals/ of shouryaverma/RestoRect at 37bb189; the strength of its correction is not stated"


def _rows(
    method: str, protocol: str, source: str, scores: dict[str, tuple[float, float | None]]
) -> list[Figure]:
    return [
        Figure(method=method, dataset=name, protocol=protocol, psnr=psnr, ssim=ssim, source=source)
        for name, (psnr, ssim) in scores.items()
    ]


FIGURES: tuple[Figure, ...] = (
    *_rows("IAT", "standard", _IAT, {"lol-v1": (23.38, 0.809), "lol-v2-real": (23.50, 0.824)}),
    *_rows("MobileIE", "standard", _MOBILEIE, {"lol-v1": (23.62, 0.812)}),
    *_rows(
        "CIDNet",
        "standard",
        _CIDNET,
        {"lol-v1": (23.81, 0.857), "lol-v2-real": (24.11, 0.868), "lol-v2-syn": (25.70, 0.942)},
    ),
    *_rows(
        "LYT-Net",
        "standard",
        _LYT,
        {"lol-v1": (22.38, None), "lol-v2-real": (21.83, None), "lol-v2-syn": (23.78, None)},
    ),
    *_rows(
        "Retinexformer",
        "gt-mean",
        _RETINEXFORMER,
        {"lol-v1": (27.18, 0.850), "lol-v2-real": (27.71, 0.856), "lol-v2-syn": (29.04, 0.939)},
    ),
    *_rows(
        "CIDNet",
        "gt-mean",
        _CIDNET,
        {"lol-v1": (28.14, None), "lol-v2-real": (28.39, None), "lol-v2-syn": (29.57, None)},
    ),
    *_rows(
        "LYT-Net",
        "gt-mean",
        _LYT,
        {"lol-v1": (27.23, None), "lol-v2-real": (27.80, None), "lol-v2-syn": (29.39, None)},
    ),
    *_rows(
        "RestoRect",
        "restorect",
        _RESTORECT,
        {
            "lol-v1": (27.846, 0.9434),
            "lol-v2-real": (22.973, 0.9110),
            "lol-v2-syn": (27.699, 0.9686),
            "uieb": (25.887, 0.9502),
            "lsui": (28.103, 0.9371),
            "baid": (27.680, 0.9660),
        },
    ),
)
"""By protocol, then by method."""

DATASETS = tuple(dict.fromkeys(figure.dataset for figure in FIGURES))
"""The data sets that there are figures of."""


def comparable(dataset: str, protocol: str) -> list[Figure]:
    """Return the figures that a score on a data set under a protocol may be compared with, the best first.

    Args:
        dataset: of `DATASETS`.
        protocol: that the score was made under.

    Raises:
        UsageError: there are no figures of such a data set.
    """
    if dataset not in DATASETS:
        raise unknown_name("data set", dataset, DATASETS)
    found = [figure for figure in FIGURES if (figure.dataset, figure.protocol) == (dataset, protocol)]
    return sorted(found, key=lambda figure: -figure.psnr)


def table(dataset: str, protocol: str, own: Sequence[tuple[str, float, float | None]] = ()) -> list[str]:
    """Return a Markdown table of those figures with one's own scores among them, the best first.

    Args:
        dataset: of `DATASETS`.
        protocol: that the own scores were made under.
        own: name, PSNR in dB and SSIM of what was evaluated.
    """
    rows = [(f.method, f.psnr, f.ssim, f.source) for f in comparable(dataset, protocol)]
    rows += [(f"**{name}**", psnr, ssim, "this evaluation") for name, psnr, ssim in own]
    return [
        f"| method on {dataset}, protocol {protocol} | PSNR in dB | SSIM | source |",
        "|---|---|---|---|",
        *(
            f"| {name} | {psnr:.2f} | {'–' if ssim is None else f'{ssim:.3f}'} | {source} |"
            for name, psnr, ssim, source in sorted(rows, key=lambda row: -row[1])
        ),
    ]
