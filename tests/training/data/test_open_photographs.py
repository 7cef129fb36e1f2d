"""The list of freely licensed photographs, and the script that collects them, on packages made here."""

import hashlib
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageCms

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.media.photos import open_rgb

OF_VERIFICATION = {"04", "07", "15", "23"}
"""Kodak photographs on which exports are verified."""
KINDS = {
    "permissive": {"CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "MIT"}
    | {"LicenseRef-public-domain", "LicenseRef-Kodak-unrestricted"},
    "share-alike": {"CC-BY-SA-3.0", "CC-BY-SA-4.0"},
    "copyleft": {"GPL-2.0-or-later", "LGPL-2.1-or-later", "LGPL-3.0-only"},
}


@pytest.fixture(scope="module")
def script(repository):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "training"))
        import collect

        yield collect
        for name in ("collect", "_manifest", "_qt_resource"):
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def manifest(script):
    return script.read_manifest()


def test_licenses_are_of_the_kind_that_the_manifest_says(manifest):
    assert {kind: set(licenses) for kind, licenses in manifest.terms.items()} == KINDS
    assert {p.license for p in manifest.photographs} == set().union(*KINDS.values())


def test_no_photograph_is_listed_twice(manifest):
    for field in ("name", "sha256"):
        counts = Counter(getattr(photograph, field) for photograph in manifest.photographs)
        assert [value for value, count in counts.items() if count > 1] == []


def test_every_photograph_says_where_it_is_from(manifest):
    for photograph in manifest.photographs:
        assert re.fullmatch(r"[0-9a-f]{64}", photograph.sha256)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", photograph.name)
        assert photograph.author
        assert photograph.source
        assert photograph.of in {"file", "pixels"}
        assert not photograph.path.startswith(("/", "."))


def test_every_package_is_used_and_known(manifest):
    assert {photograph.package for photograph in manifest.photographs} == set(manifest.packages)
    for package in manifest.packages.values():
        assert package.kind in {"apt", "pip", "folder"}
        assert package.version


def test_the_default_is_permissive_and_of_use(manifest):
    chosen = manifest.under(["permissive"])
    assert len(chosen) >= 100
    assert {photograph.license for photograph in chosen} == KINDS["permissive"]


def test_no_scene_of_verification_is_trained_on(manifest):
    numbers = {p.path for p in manifest.photographs if p.package == "kodak"}
    assert len(numbers) == 20
    assert not numbers & OF_VERIFICATION


def test_the_readme_counts_right(manifest, repository):
    text = (repository / "training" / "README.md").read_text(encoding="utf-8")
    for kind, licenses in KINDS.items():
        count = sum(photograph.license in licenses for photograph in manifest.photographs)
        assert f"| {kind} | {count} |" in text
    for name in manifest.packages:
        count = sum(photograph.package == name for photograph in manifest.photographs)
        assert re.search(rf"^\| {re.escape(name)} \| {count} \|", text, re.MULTILINE), (name, count)


def picture(seed: int, size: tuple[int, int] = (40, 24), **options) -> bytes:
    """Encode a small PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", **options)
    return stream.getvalue()


def resource(files: dict[str, bytes], *, flags: int = 0) -> bytes:
    """Pack files of one folder as Qt does: a tree with a folder `pictures` in the root."""
    names, data, nodes = b"", b"", []

    def name(text: str) -> int:
        nonlocal names
        at = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return at

    nodes.append(struct.pack(">IHII", name(""), 2, 1, 1) + bytes(8))
    nodes.append(struct.pack(">IHII", name("pictures"), 2, len(files), 2) + bytes(8))
    for stem, content in files.items():
        packed = struct.pack(">I", len(content)) + zlib.compress(content) if flags == 1 else content
        nodes.append(struct.pack(">IHHHI", name(stem), flags, 0, 0, len(data)) + bytes(8))
        data += struct.pack(">I", len(packed)) + packed
    tree = b"".join(nodes)
    offsets = (20, 20 + len(tree), 20 + len(tree) + len(data))
    return b"qres" + struct.pack(">4I", 2, *offsets) + tree + data + names


@pytest.mark.parametrize("flags", [0, 1], ids=["plain", "zlib"])
def test_a_file_is_read_from_a_resource(script, flags):
    blob = resource({"a.png": b"first", "b.png": b"second"}, flags=flags)
    assert script.read_member(blob, "/pictures/b.png") == b"second"
    with pytest.raises(script.NotAResourceError, match=r"no '/pictures/c\.png'"):
        script.read_member(blob, "/pictures/c.png")
    with pytest.raises(script.NotAResourceError, match="is a folder"):
        script.read_member(blob, "pictures")


def test_what_is_no_resource_is_refused(script):
    with pytest.raises(script.NotAResourceError, match="no Qt resource"):
        script.read_member(b"PK\x03\x04", "a")
    with pytest.raises(script.NotAResourceError, match="damaged"):
        script.read_member(b"qres" + struct.pack(">4I", 2, 9999, 0, 0), "a")
    with pytest.raises(script.NotAResourceError, match="Zstandard"):
        script.read_member(resource({"a": b"x"}, flags=4), "pictures/a")


@pytest.fixture
def packages(tmp_path):
    """A Debian package, a wheel and a folder with a photograph each, and one in a resource file."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb makes the package that is unpacked here")
    folder = tmp_path / "packages"
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr").mkdir()
    folder.mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: some-photos\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: photos\n"
    )
    (tree / "usr" / "meadow.png").write_bytes(picture(1))
    (tree / "usr" / "packed.rcc").write_bytes(resource({"hare.png": picture(2)}))
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(folder / "some-photos_1_all.deb")]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(folder / "some_wheel-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some/cat.png", picture(3))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own07.png").write_bytes(picture(4))
    return folder


def entry(name: str, package: str, path: str, content: bytes, **more: str) -> dict[str, str]:
    digest = hashlib.sha256(content).hexdigest()
    facts = {"author": "A", "license": "CC0-1.0", "source": "here", "sha256": digest}
    return {"name": name, "package": package, "path": path, **facts, **more}


def pixels(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).tobytes()


@pytest.fixture
def listed(script, tmp_path, packages):
    """The manifest of `packages`, as a file."""
    content = {
        "schema": 1,
        "terms": {"permissive": ["CC0-1.0"], "share-alike": ["CC-BY-SA-4.0"]},
        "packages": {
            "some-photos": {"kind": "apt", "version": "1"},
            "some-wheel": {"kind": "pip", "version": "1.0"},
            "own": {"kind": "folder", "version": "any"},
        },
        "photographs": [
            entry("deb-meadow", "some-photos", "usr/meadow.png", picture(1)),
            entry("deb-hare", "some-photos", "usr/packed.rcc", picture(2), member="/pictures/hare.png"),
            entry("wheel-cat", "some-wheel", "some/cat.png", picture(3), license="CC-BY-SA-4.0"),
            entry("own-07", "own", "07", pixels(picture(4)), of="pixels"),
        ],
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content))
    return path


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_everything_is_collected(script, listed, packages, tmp_path, capsys):
    command = ["-o", tmp_path / "out", "--manifest", listed, "--packages", packages]
    command += ["--terms", "permissive", "share-alike", "--folder", f"own={tmp_path / 'own'}"]
    assert script.main(list(map(str, command))) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("4 photographs in ")
    names = {path.stem for path in (tmp_path / "out").glob("*.webp")}
    assert names == {"deb-meadow", "deb-hare", "wheel-cat", "own-07"}
    assert open_rgb(tmp_path / "out" / "deb-hare.webp").size == (40, 24)
    collected = json.loads((tmp_path / "out" / "collected.json").read_text())
    assert [p["version"] for p in collected["photographs"]] == ["1", "1", "1.0", "any"]
    assert collected["left_out"] == {}


def test_by_default_only_permissive_ones_and_no_folder_that_is_not_given(
    script, listed, packages, tmp_path, capsys
):
    command = ["-o", tmp_path / "out", "--manifest", listed, "--packages", packages]
    assert script.main(list(map(str, command))) == 0
    assert {p.stem for p in (tmp_path / "out").glob("*.webp")} == {"deb-meadow", "deb-hare"}
    assert "left out: own-07: give its folder as --folder own=DIR" in capsys.readouterr().out


def test_another_file_than_the_listed_one_is_refused_or_left_out(script, listed, packages, tmp_path):
    edited(listed, lambda content: content["photographs"][0].update(sha256="0" * 64))
    manifest = script.read_manifest(listed)
    with pytest.raises(IncompatibleError, match=r"'usr/meadow\.png' of some-photos has sha256 .*, not 0000"):
        script.collect(manifest, tmp_path / "out", packages=packages)
    assert not list(tmp_path.glob("out/*.webp"))
    result = script.collect(manifest, tmp_path / "out", packages=packages, skip_missing=True)
    assert [photograph.name for photograph in result.written] == ["deb-hare"]
    assert set(result.left_out) == {"deb-meadow", "own-07"}


def test_a_file_that_a_package_lacks_is_named(script, listed, packages, tmp_path):
    edited(listed, lambda content: content["photographs"][0].update(path="usr/moor.png"))
    with pytest.raises(script.MissingPackageError, match=r"some-photos has no 'usr/moor\.png'"):
        script.collect(script.read_manifest(listed), tmp_path / "out", packages=packages)


def test_without_its_tool_a_package_is_missing(script, listed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    command = ["-o", str(tmp_path / "out"), "--manifest", str(listed)]
    assert script.main(command) == 3
    assert "some-photos needs apt-get, which is not installed" in capsys.readouterr().err
    assert script.main([*command, "--skip-missing"]) == 0
    assert "left out: deb-meadow, deb-hare: some-photos needs apt-get" in capsys.readouterr().out


def test_what_the_tool_says_is_passed_on(script, listed, tmp_path, monkeypatch):
    tool = tmp_path / "apt-get"
    tool.write_text('#!/bin/sh\necho "E: Unable to locate package $2" >&2\nexit 100\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(
        script.MissingPackageError, match="Unable to locate package some-photos; run 'apt-get"
    ):
        script.collect(script.read_manifest(listed), tmp_path / "out")


def test_wrong_arguments_are_named(script, listed, tmp_path):
    manifest = script.read_manifest(listed)
    with pytest.raises(UsageError, match=r"unknown kind of terms 'free'; known: permissive, share-alike"):
        script.collect(manifest, tmp_path, terms=["free"])
    with pytest.raises(UsageError, match=r"unknown folder 'ow'; known: own \(did you mean 'own'\?\)"):
        script.collect(manifest, tmp_path, folders={"ow": tmp_path})
    with pytest.raises(UsageError, match="no folder"):
        script.collect(manifest, tmp_path, folders={"own": tmp_path / "none"})


def test_wrong_manifests_are_named(script, tmp_path):
    with pytest.raises(UsageError, match="no manifest at"):
        script.read_manifest(tmp_path / "none.json")
    path = tmp_path / "manifest.json"
    for text, message in (("[]", "is no manifest"), ('{"schema": 2}', "has schema 2; this script reads 1")):
        path.write_text(text)
        with pytest.raises(IncompatibleError, match=message):
            script.read_manifest(path)


def test_large_photographs_are_reduced_and_turned_upright(script):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(script.convert(picture(5, (1600, 100), exif=exif))))
    assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (96, 1536))


def test_a_profile_is_applied_and_dropped(script):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = (profile.index(tag) for tag in (b"rXYZ", b"bXYZ"))
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 90, 40)).save(stream, "PNG", icc_profile=bytes(profile))
    image = Image.open(io.BytesIO(script.convert(stream.getvalue())))
    assert "icc_profile" not in image.info
    red, _, blue = np.asarray(image).reshape(-1, 3).mean(0)
    assert blue > red + 50
