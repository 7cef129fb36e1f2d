"""Which of a command's words is the network: an artifact or weights, and else the default weights."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from restorect_edge.artifact import MANIFEST, Artifact
from restorect_edge.errors import RestorectError
from restorect_edge.media.formats import READABLE, VIDEO_SUFFIXES
from restorect_edge.weights import card, license, locate
from restorect_edge.weights.kinds import SUFFIXES

__all__ = ["licenses", "network_and_inputs"]

LEFT_OF_AN_ARTIFACT = ("report.json", "golden")
"""What a folder holds that was an artifact before its manifest was lost."""


def network_and_inputs(
    words: Sequence[str], asked: str | None, *, product: bool = False
) -> tuple[str, list[Path]]:
    """Part the words of ``run [NETWORK] INPUT...``.

    Args:
        words: as typed; the first may be an artifact or weights, by name or file.
        asked: the network of ``--weights``; all words are inputs then.
        product: only weights that may be shipped in a product will do.

    Returns:
        The network and the inputs.

    Raises:
        UsageError: weights that are not for products.
    """
    if asked is not None or not words or _is_input(words[0]):
        return license.chosen(asked, product=product), [Path(word) for word in words]
    return license.chosen(words[0], product=product), [Path(word) for word in words[1:]]


def _is_input(word: str) -> bool:
    """Whether a word names what is to be restored: a picture, a video or a folder of them."""
    path = Path(word)
    if path.is_dir():
        return not (path / MANIFEST).exists() and not _was_artifact(path)
    if path.is_file():
        return path.suffix.lower() not in SUFFIXES
    return path.suffix.lower() in READABLE or path.suffix.lower() in VIDEO_SUFFIXES


def _was_artifact(path: Path) -> bool:
    natives = (file for file in path.iterdir() if file.suffix.lower() in (*SUFFIXES, ".mlpackage"))
    return any((path / name).exists() for name in LEFT_OF_AN_ARTIFACT) or next(natives, None) is not None


def licenses(sources: Iterable[str]) -> list[str]:
    """Return what may be done with the weights of networks, one line each; nothing for what is no network.

    Args:
        sources: artifacts, and weights by name or file.
    """
    told = []
    for source in sources:
        try:
            facts = _facts(source)
        except RestorectError:  # whoever runs it says what is wrong with it
            continue
        told.append(license.line(facts))
    return [line for line in dict.fromkeys(told) if line]


def _facts(source: str) -> Mapping[str, Any]:
    path = Path(source)
    if path.is_dir():
        return Artifact.open(path, check=False).manifest.weights if (path / MANIFEST).is_file() else {}
    file = locate(source)
    return {"name": file.stem, **card(file)}
