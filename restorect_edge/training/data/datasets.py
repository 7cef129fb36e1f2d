"""The 15 datasets of RestoRect by their published folder layouts: recognizing and listing them.

The layouts are those that the configurations of RestoRect (arXiv 2509.23480) and of the datasets' own
projects read. `find_layout` knows a dataset's root by what it holds; `find_split` also a folder inside it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.training.data.pairs import Pair, images_in, matched

__all__ = ["LAYOUTS", "Layout", "Split", "find_layout", "find_split", "layout_images", "layout_pairs"]

Key = Callable[[Path], str]


def _stem(path: Path) -> str:
    return path.stem


def _without_role(path: Path) -> str:
    """``low00690`` and ``normal00690`` → ``00690``."""
    return re.sub(r"^(low|normal)(?=\d)", "", path.stem)


def _scene(path: Path) -> str:
    """``00001_00_0.04s`` and ``00001_00_10s`` → ``00001``."""
    return path.stem.split("_")[0]


def _folder(path: Path) -> str:
    """``12/3.JPG`` → ``12``."""
    return path.parent.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Where a part of a dataset lies below its root."""

    degraded: str
    clean: str | None
    """None where there are no clean images."""
    degraded_key: Key = _stem
    """What of a degraded file's path its clean image is looked up with."""
    clean_key: Key = _stem
    nested: bool = False
    """Degraded images lie in a sub-folder per scene, several of which share a clean image."""
    folder: str | None = None
    """What holds both sides and nothing else, if there is such a folder."""
    listing: str | None = None
    """File below the root that lists this split's pairs, one a line: degraded path, clean path, ..."""
    scenes: str = ""
    """First character of this split's scene ids, where the listing is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A dataset's folders."""

    name: str
    task: str
    splits: dict[str, Split]
    """By ``train``, ``val`` and ``test``, as far as published."""
    citation: str
    source: str
    """Where it is published."""
    by_name: bool = False
    """The root is known by its folder's name: it holds images and nothing else."""

    @property
    def paired(self) -> bool:
        """Whether there are clean images."""
        return all(split.clean is not None for split in self.splits.values())


def _lol_v2(part: str, key: Key) -> dict[str, Split]:
    return {
        split.lower(): Split(
            degraded=f"{part}/{split}/Low",
            clean=f"{part}/{split}/Normal",
            folder=f"{part}/{split}",
            degraded_key=key,
            clean_key=key,
        )
        for split in ("Train", "Test")
    }


def _sid() -> dict[str, Split]:
    return {
        split: Split(
            degraded="Sony/short_resized",
            clean="Sony/long_resized",
            degraded_key=_scene,
            clean_key=_scene,
            listing=f"Sony_{split}_list.txt",
            scenes=first,
        )
        # the dataset numbers scenes so: 0… to train on, 1… to test, 2… to validate
        for split, first in (("train", "0"), ("val", "2"), ("test", "1"))
    }


def _sice(test: str) -> dict[str, Split]:
    return {
        "train": Split(degraded="Dataset/train", clean="Dataset/label", degraded_key=_folder, nested=True),
        "val": Split(degraded="Dataset/eval/test", clean="Dataset/eval/target", folder="Dataset/eval"),
        "test": Split(degraded=test, clean="SICE_Reshape"),
    }


def _suffixed() -> dict[str, Split]:
    return {s: Split(degraded=f"input_{s}", clean=f"gt_{s}") for s in ("train", "test")}


def _unpaired(name: str, citation: str) -> Layout:
    return Layout(
        name=name,
        task="lowlight",
        splits={"test": Split(degraded=".", clean=None)},
        citation=citation,
        source="https://github.com/VITA-Group/EnlightenGAN, which collects the five",
        by_name=True,
    )


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="LOL-v1",
        task="lowlight",
        splits={
            "train": Split(degraded="our485/low", clean="our485/high", folder="our485"),
            "test": Split(degraded="eval15/low", clean="eval15/high", folder="eval15"),
        },
        citation="Wei et al., Deep Retinex decomposition for low-light enhancement, arXiv 1808.04560",
        source="https://daooshee.github.io/BMVC2018website/",
    ),
    Layout(
        name="LOL-v2-real",
        task="lowlight",
        splits=_lol_v2("Real_captured", _without_role),
        citation="Yang et al., Sparse gradient regularized deep Retinex network, IEEE TIP 2021",
        source="https://github.com/flyywh/CVPR-2020-Semi-Low-Light",
    ),
    Layout(
        name="LOL-v2-syn",
        task="lowlight",
        splits=_lol_v2("Synthetic", _stem),
        citation="Yang et al., Sparse gradient regularized deep Retinex network, IEEE TIP 2021",
        source="https://github.com/flyywh/CVPR-2020-Semi-Low-Light",
    ),
    Layout(
        name="SID",
        task="lowlight",
        splits=_sid(),
        citation="Chen et al., Learning to see in the dark, CVPR 2018, arXiv 1805.01934",
        source="https://github.com/cchen156/Learning-to-See-in-the-Dark",
    ),
    Layout(
        name="SICE-grad",
        task="lowlight",
        splits=_sice("SICE_Grad"),
        citation="Zheng et al., Low-light image and video enhancement: a survey and beyond, arXiv 2212.10772",
        source="https://github.com/ShenZheng2000/LLIE_Survey",
    ),
    Layout(
        name="SICE-mix",
        task="lowlight",
        splits=_sice("SICE_Mix"),
        citation="Zheng et al., Low-light image and video enhancement: a survey and beyond, arXiv 2212.10772",
        source="https://github.com/ShenZheng2000/LLIE_Survey",
    ),
    Layout(
        name="UIEB",
        task="underwater",
        splits=_suffixed(),
        citation="Li et al., An underwater image enhancement benchmark dataset, arXiv 1901.05495",
        source="https://li-chongyi.github.io/proj_benchmark.html",
    ),
    Layout(
        name="LSUI",
        task="underwater",
        splits=_suffixed(),
        citation="Peng et al., U-shape transformer for underwater image enhancement, IEEE TIP 2023, "
        "arXiv 2111.11843",
        source="https://lintaopeng.github.io/_pages/UIE%20Project%20Page.html",
    ),
    Layout(
        name="BAID",
        task="backlit",
        splits={
            s: Split(degraded=f"BAID-{s}/resize_input", clean=f"BAID-{s}/resize_gt", folder=f"BAID-{s}")
            for s in ("train", "test")
        },
        citation="Lv et al., BacklitNet: a dataset and network for backlit image enhancement, CVIU 2022",
        source="https://github.com/lvxiaoqian/BacklitNet",
    ),
    _unpaired(
        "DICM", "Lee et al., Contrast enhancement based on layered difference representation, TIP 2013"
    ),
    _unpaired(
        "LIME", "Guo et al., LIME: low-light image enhancement via illumination map estimation, TIP 2017"
    ),
    _unpaired("MEF", "Ma et al., Perceptual quality assessment for multi-exposure image fusion, TIP 2015"),
    _unpaired("NPE", "Wang et al., Naturalness preserved enhancement for non-uniform illumination, TIP 2013"),
    _unpaired("VV", "Vonikakis et al., On the evaluation of illumination compensation algorithms, 2018"),
    Layout(
        name="EyeQ",
        task="fundus",
        splits={"test": Split(degraded="dataset/sample", clean="dataset/sample")},
        citation="Fu et al., Evaluation of retinal image quality assessment networks, MICCAI 2019, "
        "arXiv 1907.05345; the sample has no clean images: the degraded ones stand in for them",
        source="https://github.com/HzFu/EyeQ",
    ),
)
"""In the order in which a folder is compared with them."""


def find_layout(folder: Path) -> Layout | None:
    """Return the dataset whose root a folder is, or None.

    Two datasets laid out alike (UIEB and LSUI), or that share a root (SICE-grad and SICE-mix, both parts of
    LOL-v2), are told apart by the folder's own name where it says; else the first of `LAYOUTS` is returned.
    """
    # several may fit: some datasets are laid out alike
    found = [layout for layout in LAYOUTS if _is_root(folder, layout)]
    named = [layout for layout in found if layout.name.lower() in folder.resolve().name.lower()]
    return next(iter(named or found), None)


def find_split(folder: Path, split: str) -> tuple[Path, Layout, str] | None:
    """Return root, dataset and split that a folder stands for, or None.

    Args:
        folder: the root of a dataset; or a split's folder inside it: the one that holds both its folders or,
            where there is none, its degraded images.
        split: which one to take of a root.

    Raises:
        UsageError: a root that holds several datasets, which must be told apart.
    """
    # a split's folder lies three levels below its root at most
    for root in (folder, *folder.resolve().parents[:3]):
        for layout in LAYOUTS:
            if layout.by_name or not _is_root(root, layout):
                continue
            for name, part in layout.splits.items():
                if folder.resolve() in _stands_for(root.resolve(), part):
                    return root, layout, name
    found = find_layout(folder)
    if found is None:
        return None
    _refuse_ambiguous(folder, found, split)
    return folder, found, split


def layout_pairs(
    folder: Path, layout: Layout, split: str, *, skip_bad: bool = False
) -> tuple[list[Pair], tuple[str, ...]]:
    """List the pairs of a split.

    Args:
        folder: the dataset's root.
        layout: which dataset.
        split: ``train``, ``val`` or ``test``, as far as the dataset has it.
        skip_bad: leave out images without a partner, and say so, instead of raising `UsageError`.

    Returns:
        The pairs, sorted by name, and notes on what was left out.

    Raises:
        UsageError: no such split, its folders are absent, it has no clean images, or some lack a partner.
    """
    if not layout.paired:
        raise UsageError(
            f"'{folder}' is {layout.name}, which has no clean images: it can be restored and judged without "
            "reference, but not trained on or scored against"
        )
    part = _part(folder, layout, split)
    if part.listing and (folder / part.listing).is_file():
        return _listed(folder, part, folder / part.listing, skip_bad)
    clean = {part.clean_key(path): path for path in images_in(folder / str(part.clean))}
    degraded = {
        _name(path, part): (part.degraded_key(path), path) for path in layout_images(folder, layout, split)
    }
    return matched(folder, degraded, clean, skip_bad=skip_bad, strict=False)


def layout_images(folder: Path, layout: Layout, split: str) -> list[Path]:
    """List the degraded images of a split, sorted; what there is of a dataset without clean ones.

    Args:
        folder: the dataset's.
        layout: how its files are named.
        split: such as ``test``.
    """
    part = _part(folder, layout, split)
    images = images_in(folder / part.degraded, nested=part.nested)
    return [path for path in images if path.name.startswith(part.scenes)]


def _name(path: Path, part: Split) -> str:
    return f"{path.parent.name}/{path.stem}" if part.nested else path.stem


def _listed(folder: Path, part: Split, listing: Path, skip_bad: bool) -> tuple[list[Pair], tuple[str, ...]]:
    """Match by the split's list; its entries are raw files, of which converted ones keep the stem."""
    short, long = ({p.stem: p for p in images_in(folder / str(s))} for s in (part.degraded, part.clean))
    degraded: dict[str, tuple[str, Path]] = {}
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) == 1:
            raise UsageError(f"line {number} of '{listing}' names one file, not a degraded and a clean one")
        if words:
            first, second = (Path(word).stem for word in words[:2])
            # a listed file that is not there has no key, so that it is named as one without a partner
            degraded[first] = (second if first in short else "", short.get(first, listing))
    return matched(folder, degraded, long, skip_bad=skip_bad, strict=False)


def _part(folder: Path, layout: Layout, split: str) -> Split:
    if split not in layout.splits:
        raise unknown_name(f"split of {layout.name}", split, layout.splits)
    part = layout.splits[split]
    for side in (part.degraded, part.clean):
        if side is not None and not (folder / side).is_dir():
            raise UsageError(f"split '{split}' of {layout.name}: no folder '{folder / side}'")
    return part


def _is_root(folder: Path, layout: Layout) -> bool:
    if layout.by_name:
        named = folder.resolve().name.lower() == layout.name.lower()
        return named and folder.is_dir() and any(images_in(folder))
    return any(
        (folder / part.degraded).is_dir() and (folder / str(part.clean)).is_dir()
        for part in layout.splits.values()
    )


def _stands_for(root: Path, part: Split) -> tuple[Path, ...]:
    """Return the folders below a root that mean a split."""
    if part.listing:
        return ()
    return tuple(root / path for path in (part.degraded, part.folder) if path is not None)


def _refuse_ambiguous(folder: Path, chosen: Layout, split: str) -> None:
    if chosen.by_name or chosen.name.lower() in folder.resolve().name.lower() or split not in chosen.splits:
        return
    # two datasets may share a root, as LOL-v2's parts do; where they share this folder too, either is right
    found = {
        layout.splits[split].degraded: layout.name
        for layout in LAYOUTS
        if not layout.by_name
        and split in layout.splits
        and _is_root(folder, layout)
        and (folder / layout.splits[split].degraded).is_dir()
    }
    if len(found) > 1:
        names, folders = " and ".join(found.values()), " or ".join(f"'{folder / path}'" for path in found)
        raise UsageError(f"'{folder}' holds {names}: give one of them, {folders}")
