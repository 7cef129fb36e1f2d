"""Collect freely licensed clean photographs to train on, from the packages that distribute them.

    python training/collect.py -o photographs
    python training/collect.py -o photographs --terms permissive share-alike --skip-missing
    python training/collect.py -o photographs --folder kodak=kodak24

Downloads Debian packages with apt-get and wheels with pip, takes from them the photographs that
open-photographs.json lists, checks the sha256 of each, turns it upright, converts it to sRGB, reduces it to a
long side of 1536 pixels and writes it as WebP. What was written, with author, license and hash, is in
collected.json beside the photographs. By default only photographs under permissive terms are taken.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _manifest import MANIFEST, Manifest, Package, Photograph, read_manifest
from _qt_resource import NotAResourceError, read_member
from PIL import Image, ImageCms, ImageOps
from tqdm import tqdm

from restorect_edge.errors import IncompatibleError, RestorectError, UsageError, unknown_name
from restorect_edge.utils.files import replacing

LONG_SIDE = 1536
"""Pixels: what the training loaders reduce photographs to anyway."""
QUALITY = 95
COLLECTED = "collected.json"
SHOWN = 5
"""Names of missing photographs in an error."""


class MissingPackageError(RestorectError):
    """A package, or the tool that fetches it, is not to be had here."""

    exit_code = 3


def unpack(package: Package, downloads: Path, target: Path) -> Path:
    """Return a folder with the files of a package, fetched first unless `downloads` has it.

    Raises:
        MissingPackageError: it cannot be fetched or unpacked; the message says why.
    """
    fetch, pattern = _ways(package.name)[package.kind]
    if not list(downloads.glob(pattern)):
        _run(fetch, package, cwd=downloads)
    found = sorted(downloads.glob(pattern))
    if not found:
        raise MissingPackageError(f"{fetch[0]} fetched no '{pattern}' for {package.name}")
    folder = target / package.name
    folder.mkdir(parents=True)
    if package.kind == "apt":
        _run(["dpkg-deb", "--extract", str(found[-1]), str(folder)], package, cwd=downloads)
    else:
        with zipfile.ZipFile(found[-1]) as wheel:
            wheel.extractall(folder)
    return folder


def _ways(name: str) -> dict[str, tuple[list[str], str]]:
    """Return the command that fetches a package and the files that it leaves, by kind."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", name]
    return {
        "apt": (["apt-get", "download", name], f"{name}_*.deb"),
        "pip": (pip, f"{name.replace('-', '_')}-*.whl"),
    }


def _run(command: Sequence[str], package: Package, *, cwd: Path) -> None:
    if shutil.which(command[0]) is None:
        raise MissingPackageError(
            f"{package.name} needs {command[0]}, which is not installed (it is part of Debian and Ubuntu); "
            "leave out what cannot be had with --skip-missing"
        )
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise MissingPackageError(
            f"{' '.join(command)} failed: {said}; run 'apt-get update' first if the package is not found, "
            "fetch it yourself into a folder given as --packages, or leave it out with --skip-missing"
        )


def original(photograph: Photograph, folder: Path, *, kind: str) -> bytes:
    """Return the original file of a photograph, checked.

    Args:
        photograph: which one.
        folder: the files of its package.
        kind: of the package.

    Raises:
        MissingPackageError: the package has no such file.
        IncompatibleError: the file is another one than the manifest's.
    """
    path = folder / photograph.path
    if kind == "folder":
        path = next((p for p in sorted(folder.iterdir()) if p.stem.endswith(photograph.path)), path)
    try:
        content = path.read_bytes()
        content = read_member(content, photograph.member) if photograph.member else content
    except (FileNotFoundError, NotAResourceError) as error:
        raise MissingPackageError(f"{photograph.package} has no '{photograph.path}': {error}") from error
    got = hashlib.sha256(_pixels(content) if photograph.of == "pixels" else content).hexdigest()
    if got != photograph.sha256:
        raise IncompatibleError(
            f"'{photograph.path}' of {photograph.package} has sha256 {got}, not {photograph.sha256} as in "
            "the manifest: this version of the package has another picture; leave it out with --skip-missing"
        )
    return content


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as file:
        image = file.convert("RGB")
    return bytes(image.tobytes())


def convert(content: bytes) -> bytes:
    """Return a photograph upright, in sRGB, with a long side of at most 1536 pixels, as WebP."""
    with Image.open(io.BytesIO(content)) as file:
        image = _srgb(ImageOps.exif_transpose(file))
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY)
    return stream.getvalue()


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode != "RGB":
        return image.convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, outputMode="RGB")
    assert converted is not None  # only None when it works in place
    converted.info.pop("icc_profile", None)
    return converted


@dataclass(slots=True, kw_only=True)
class Collection:
    """What a run has written and left out."""

    written: list[Photograph]
    left_out: dict[str, str]
    """Why, by name of photograph."""


def collect(
    manifest: Manifest,
    output: Path,
    *,
    terms: Sequence[str] = ("permissive",),
    folders: Mapping[str, Path] | None = None,
    packages: Path | None = None,
    skip_missing: bool = False,
) -> Collection:
    """Write photographs and ``collected.json`` into a folder.

    Args:
        manifest: what there is.
        output: folder to write into; made if need be.
        terms: kinds of licenses to take.
        folders: where the user's own folders of kind ``folder`` are, by package name. Those not given are
            left out.
        packages: folder with packages, to which those that are fetched are added; None keeps none.
        skip_missing: leave out what cannot be had or differs, instead of raising.

    Raises:
        UsageError: no such terms or folder.
        MissingPackageError: a package or file cannot be had.
        IncompatibleError: a file has another hash than the manifest says.
    """
    given = dict(folders or {})
    _check_folders(given, manifest)
    chosen = manifest.under(terms)
    result = Collection(written=[], left_out={})
    bar = tqdm(total=len(chosen), unit="photo", desc="collecting", file=sys.stderr, disable=None, leave=False)
    with bar, tempfile.TemporaryDirectory() as scratch:
        downloads = (packages or Path(scratch)).resolve()
        downloads.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys(photograph.package for photograph in chosen):
            bar.set_postfix_str(name)
            ours = [photograph for photograph in chosen if photograph.package == name]
            _collect_package(
                manifest.packages[name], ours, output, downloads, given, result, bar.update, skip_missing
            )
    _write_list(output / COLLECTED, result, manifest)
    return result


def _collect_package(
    package: Package,
    photographs: Sequence[Photograph],
    output: Path,
    downloads: Path,
    given: Mapping[str, Path],
    result: Collection,
    advance: Callable[[], object],
    skip_missing: bool,
) -> None:
    """Write the photographs of one package; the unpacked files are removed at once."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = _folder(package, downloads, Path(scratch), given)
        except MissingPackageError as error:
            if not skip_missing and package.kind != "folder":
                raise
            result.left_out.update({photograph.name: str(error) for photograph in photographs})
            return
        for photograph in photographs:
            try:
                content = original(photograph, folder, kind=package.kind)
            except (MissingPackageError, IncompatibleError) as error:
                if not skip_missing:
                    raise
                result.left_out[photograph.name] = str(error)
                continue
            with replacing(output / f"{photograph.name}.webp") as stream:
                stream.write(convert(content))
            result.written.append(photograph)
            advance()


def _folder(package: Package, downloads: Path, scratch: Path, given: Mapping[str, Path]) -> Path:
    if package.kind != "folder":
        return unpack(package, downloads, scratch)
    if package.name not in given:
        raise MissingPackageError(f"give its folder as --folder {package.name}=DIR")
    return given[package.name]


def _check_folders(given: Mapping[str, Path], manifest: Manifest) -> None:
    known = [package.name for package in manifest.packages.values() if package.kind == "folder"]
    for name, path in given.items():
        if name not in known:
            raise unknown_name("folder", name, known)
        if not path.is_dir():
            raise UsageError(f"no folder '{path}' for {name}")


def _write_list(path: Path, result: Collection, manifest: Manifest) -> None:
    content: dict[str, Any] = {
        "photographs": [
            {**asdict(photograph), "version": manifest.packages[photograph.package].version}
            for photograph in result.written
        ],
        "left_out": result.left_out,
    }
    with replacing(path) as stream:
        stream.write((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Collect freely licensed clean photographs to train on.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument("--terms", nargs="+", default=["permissive"], metavar="KIND",
        help="permissive (default), share-alike, copyleft: kinds of licenses to take")  # fmt: skip
    parser.add_argument("--folder", action="append", default=[], metavar="NAME=DIR",
        help="where photographs are that no package has, for example kodak=kodak24")  # fmt: skip
    parser.add_argument("--packages", type=Path, metavar="DIR",
        help="folder with .deb and .whl files; what is fetched is kept there")  # fmt: skip
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="default: open-photographs.json")
    parser.add_argument("--skip-missing", action="store_true",
        help="leave out what cannot be had, or has another hash, and say so")  # fmt: skip
    return parser


def _folders(options: Sequence[str]) -> dict[str, Path]:
    for option in options:
        if "=" not in option:
            raise UsageError(f"--folder takes NAME=DIR, got '{option}'")
    return {name: Path(path) for name, _, path in (option.partition("=") for option in options)}


def _summary(result: Collection, output: Path) -> Iterator[str]:
    yield f"{len(result.written)} photographs in {output}"
    for license, count in Counter(p.license for p in result.written).most_common():
        yield f"  {count:4} {license}"
    for reason, names in _by_reason(result.left_out).items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"left out: {', '.join(names[:SHOWN])}{more}: {reason}"


def _by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(argv)
    try:
        result = collect(
            read_manifest(options.manifest),
            options.output,
            terms=options.terms,
            folders=_folders(options.folder),
            packages=options.packages,
            skip_missing=options.skip_missing,
        )
    except RestorectError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write("\n".join(_summary(result, options.output)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
