"""The C++ library as others get it: installed, found by CMake and pkg-config, and as Debian packages."""

import shlex
import shutil
from pathlib import Path

import pytest

OUTSIDE = Path(__file__).parents[2] / "runtimes" / "cpp" / "examples" / "outside"


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A copy of the example, away from the repository."""
    return shutil.copytree(OUTSIDE, tmp_path_factory.mktemp("outside") / "project")


@pytest.fixture(scope="module")
def installed(run, built, program, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run(program("cmake"), "--install", built("fast"), "--prefix", prefix)
    return prefix


def test_a_project_outside_finds_it_and_restores(run, program, installed, outside, artifact_openvino_split):
    build, prefix = outside / "build", f"-DCMAKE_PREFIX_PATH={installed}"
    run(program("cmake"), "-G", "Ninja", "-S", outside, "-B", build, prefix)
    run(program("ninja"), "-C", build)
    said = run(build / "brighten", artifact_openvino_split.path).stdout
    assert said.startswith(f"{artifact_openvino_split.manifest.name} by OpenVINO")
    assert "usage: brighten ARTIFACT" in run(build / "brighten", code=1).stderr


def test_pkg_config_finds_it(run, program, installed, outside, artifact_openvino_split):
    (folder,) = {path.parent for path in installed.rglob("restorect.pc")}
    found = run(program("pkg-config"), "--cflags", "--libs", "restorect", PKG_CONFIG_PATH=str(folder))
    version = run(program("pkg-config"), "--modversion", "restorect", PKG_CONFIG_PATH=str(folder)).stdout
    (library,) = installed.rglob(f"librestorect.so.{version.strip()}")
    assert (library.parent / "librestorect.so").resolve() == library
    program_ = outside / "by-hand"
    flags = [*shlex.split(found.stdout), f"-Wl,-rpath,{library.parent}"]
    run(program("g++"), "-std=c++17", outside / "brighten.cpp", "-o", program_, *flags)
    assert "OpenVINO" in run(program_, artifact_openvino_split.path).stdout


def test_debian_packages_install_and_leave_nothing_behind(run, built, program, tmp_path):
    """Into a root of their own, which has no package that they depend on."""
    folder = built("fast")
    run(program("cpack"), "-G", "DEB", "--config", folder / "CPackConfig.cmake", "-B", tmp_path / "debs")
    debs = sorted((tmp_path / "debs").glob("*.deb"))
    names = [deb.name.split("_")[0] for deb in debs]
    assert names == ["gstreamer1.0-restorect", "librestorect-dev", "librestorect0"]
    root = tmp_path / "root"
    for part in ("info", "updates", "triggers"):
        (root / "var" / "lib" / "dpkg" / part).mkdir(parents=True)
    (root / "var" / "lib" / "dpkg" / "status").touch()
    dpkg = [program("dpkg"), f"--root={root}", "--force-not-root,depends,script-chrootless"]
    run(*dpkg, "-i", *debs)
    files = {path.name for path in root.rglob("*") if path.is_file() or path.is_symlink()}
    assert {"librestorect.so", "librestorect.so.0", "restorect.hpp", "restorectConfig.cmake", "restorect.pc",
            "libgstrestorect.so", "restorect-camera"} <= files  # fmt: skip
    plugins = run(program("pkg-config"), "--variable=pluginsdir", "gstreamer-1.0").stdout.strip()
    assert (root / plugins.lstrip("/") / "libgstrestorect.so").is_file()
    run(*dpkg, "--purge", *names)
    left = (
        [path for path in (root / "usr").rglob("*") if not path.is_dir()] if (root / "usr").exists() else []
    )
    assert left == []
