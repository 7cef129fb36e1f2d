"""The script that builds engines on the device, run for real with TensorRT-RTX ahead of time."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.export.options import ExportOptions
from restorect_edge.models import build as build_student
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.tensorrt import build_engine
from restorect_edge.targets.tensorrt.build_engine import (
    BuildOptions,
    EngineError,
    build,
    ensure_engine,
    jetpack_of,
    load_tensorrt,
    main,
    parse_l4t,
    parse_shapes,
    read_gpu,
    why_stale,
)

trt = pytest.importorskip("tensorrt_rtx_bindings")

AHEAD = BuildOptions(compute_capabilities=("8.6", "8.9"))
CLI = ["--tensorrt-module", "tensorrt_rtx_bindings", "--compute-capability", "8.6"]


@pytest.fixture(scope="session")
def student_onnx(tmp_path_factory):
    """The nano student at 64×96, written as the exporter does."""
    from restorect_edge.targets.onnx.converter import convert

    spec = ImageSpec(size=SizeRequirements(minimum=8, multiple_of=8))
    (graph,) = trace_whole(build_student("nano").deploy(), spec, [(64, 96)], False)
    return convert(graph, tmp_path_factory.mktemp("student"), ExportOptions())


def save(path, nodes, constants=(), shape=(1, 3, 16, 16)):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.fixture
def tiny(tmp_path):
    """An artifact's folder with the script and a graph that builds in a moment."""
    shutil.copy(build_engine.__file__, tmp_path / "build_engine.py")
    return save(tmp_path / "model.onnx", [helper.make_node("Relu", ["image"], ["restored"])])


@pytest.fixture
def free(tmp_path):
    """A graph whose height and width are free."""
    node = helper.make_node("Relu", ["image"], ["restored"])
    return save(tmp_path / "free.onnx", [node], shape=(1, 3, "height", "width"))


def manifest(folder, *, files=None, minimum=8, multiple_of=8):
    size = {"minimum": minimum, "multiple_of": multiple_of}
    content = {"files": files or {}, "spec": {"size": size}}
    (folder / "manifest.json").write_text(json.dumps(content))


def ensure(source, **options):
    return ensure_engine(trt, str(source), str(source.with_suffix(".engine")), AHEAD, **options)


def edit_sidecar(source, **entries):
    path = source.with_suffix(".engine.json")
    record = json.loads(path.read_text())
    record["key"].update(entries)
    path.write_text(json.dumps(record))


# The machine

R35 = (
    "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, "
    "DATE: Tue Aug  1 19:57:35 UTC 2023\n"
)
R36 = """\
# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, \
DATE: Wed Jan  8 01:49:37 UTC 2025
# KERNEL_VARIANT: oot
TARGET_USERSPACE_LIB_DIR=nvidia
TARGET_USERSPACE_LIB_DIR_PATH=usr/lib/aarch64-linux-gnu/nvidia
"""
R38 = """\
# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64, \
DATE: Fri Aug 22 00:55:42 UTC 2025
# KERNEL_VARIANT: oot
TARGET_USERSPACE_LIB_DIR=nvidia
TARGET_USERSPACE_LIB_DIR_PATH=usr/lib/aarch64-linux-gnu/nvidia
INSTALL_TYPE=
"""


@pytest.mark.parametrize(
    ("text", "l4t", "jetpack"),
    [
        (R35, "35.4.1", "5"),
        (R36, "36.4.3", "6"),
        (R38, "38.2.0", "7"),
        (R38.replace("R38", "R39").replace("2.0", "2.1"), "39.2.1", "7"),
        (R36.replace("R36", "R99"), "99.4.3", None),
        ("", None, None),
        ("Debian GNU/Linux 12\n", None, None),
    ],
)
def test_l4t_release(text, l4t, jetpack):
    assert parse_l4t(text) == l4t
    assert jetpack_of(l4t) == jetpack


def test_jetson_is_recognised_by_its_release_file(tmp_path, monkeypatch):
    release = tmp_path / "nv_tegra_release"
    monkeypatch.setattr(build_engine, "L4T_FILE", str(release))
    assert build_engine.read_l4t() is None
    release.write_text(R36)
    assert build_engine.read_l4t() == "36.4.3"
    with pytest.raises(EngineError, match=r"apt-get install python3-libnvinfer.*--system-site-packages"):
        load_tensorrt("no_such_tensorrt")


def test_missing_tensorrt(monkeypatch, tmp_path):
    monkeypatch.setattr(build_engine, "L4T_FILE", str(tmp_path / "absent"))
    monkeypatch.setattr(build_engine, "MODULES", ("no_tensorrt", "no_tensorrt_either"))
    with pytest.raises(
        EngineError, match=r"no_tensorrt: No module.*no_tensorrt_either.*pip install"
    ) as caught:
        load_tensorrt()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("version", "parser", "code", "message"),
    [("8.5.2", True, 4, "TensorRT 8.5.2 is too old: 10 or 11"), ("10.3.0", False, 3, "has no OnnxParser")],
)
def test_unsuitable_tensorrt(monkeypatch, version, parser, code, message):
    module = ModuleType("tensorrt")
    module.__version__ = version
    if parser:
        module.OnnxParser = object
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    with pytest.raises(EngineError, match=message) as caught:
        load_tensorrt("tensorrt")
    assert caught.value.exit_code == code


@pytest.mark.parametrize("version", ["10.3.0", "11.4.1.6"])
def test_tensorrt_10_and_11_are_taken(monkeypatch, version):
    module = ModuleType("tensorrt")
    module.__version__, module.OnnxParser = version, object
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    assert build_engine.product(load_tensorrt()) == f"TensorRT {version}"


def test_network_is_strongly_typed_with_and_without_the_flag():
    assert build_engine._network_flags(trt) == 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    ten = SimpleNamespace(NetworkDefinitionCreationFlag=SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1))
    assert build_engine._network_flags(ten) == 2
    assert build_engine._network_flags(SimpleNamespace(NetworkDefinitionCreationFlag=SimpleNamespace())) == 0
    assert build_engine._network_flags(SimpleNamespace()) == 0


def test_no_driver(monkeypatch, tiny, capsys):
    monkeypatch.setattr(build_engine, "DRIVER", "libno-such-driver.so.1")
    with pytest.raises(EngineError, match="no NVIDIA GPU driver on this machine") as caught:
        read_gpu()
    assert caught.value.exit_code == 5
    assert main(["--onnx", str(tiny), "--tensorrt-module", "tensorrt_rtx_bindings"]) == 5
    assert "build the engine on the device that runs it" in capsys.readouterr().err


# The script by itself


def test_runs_on_python_3_8():
    ast.parse(Path(build_engine.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_files_beside_the_script_are_not_modules(tiny):
    (tiny.parent / "tensorrt.py").write_text("raise SystemExit('imported')")
    command = [sys.executable, str(tiny.parent / "build_engine.py"), *CLI]
    command.remove("--tensorrt-module")
    command.remove("tensorrt_rtx_bindings")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{tiny.with_suffix('.engine')}\n"), done.stderr


def test_script_needs_neither_numpy_nor_this_package(tiny, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    site = Path(trt.__file__).parent.parent
    for package in ("tensorrt_rtx_bindings", "tensorrt_rtx_libs"):
        (bare / package).symlink_to(site / package)
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(bare)!r})\n"
        f"sys.argv = ['build_engine.py', '--json', '--compute-capability', '8.6', '8.9']\n"
        "try:\n"
        f"    runpy.run_path({str(tmp_path / 'build_engine.py')!r}, run_name='__main__')\n"
        "finally:\n"
        "    assert not {'numpy', 'torch', 'onnx', 'restorect_edge'} & sys.modules.keys()\n"
        "    assert not any('site-packages' in path for path in sys.path)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["engines"]
    assert made["status"] == "built"
    assert made["key"]["compute_capability"] == "8.6,8.9"
    assert made["key"]["tensorrt"] == f"TensorRT-RTX {trt.__version__}"
    assert made["key"]["gpu"] is None
    assert made["bytes"] == tiny.with_suffix(".engine").stat().st_size > 0
    assert "building model.engine: there is no model.engine yet" in done.stderr


# The build


def test_builds_the_student(student_onnx):
    built = build(trt, str(student_onnx), AHEAD)
    assert built.parser_warnings == []
    assert built.layers > 100
    assert len(built.plan) > student_onnx.stat().st_size
    assert built.seconds > 0


def test_float32_is_not_tf32(tiny):
    builder = trt.Builder(build_engine.logger_of(trt))
    assert builder.create_builder_config().get_flag(trt.BuilderFlag.TF32)
    network = builder.create_network(0)
    config = build_engine._configure(trt, builder, network, str(tiny), BuildOptions(workspace_mib=64))
    assert not config.get_flag(trt.BuilderFlag.TF32)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 64 << 20


def test_unsupported_operator(tmp_path):
    source = save(tmp_path / "det.onnx", [helper.make_node("Det", ["image"], ["restored"], name="culprit")])
    with pytest.raises(
        EngineError, match=r"cannot parse .*det\.onnx': UNSUPPORTED_NODE at Det 'culprit'"
    ) as caught:
        ensure(source)
    assert caught.value.exit_code == 4
    assert [p.name for p in tmp_path.iterdir()] == ["det.onnx"]


def test_zero_point_is_rejected_and_uint8_only_warned_about(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["restored"]),
    ]
    scale = ("s", np.float32(0.1))
    source = save(tmp_path / "five.onnx", nodes, [scale, ("z", np.int8(5))])
    with pytest.raises(EngineError, match=r"QuantizeLinear.*Non-zero zero point is not supported"):
        ensure(source)
    built = build(trt, str(save(tmp_path / "uint8.onnx", nodes, [scale, ("z", np.uint8(0))])), AHEAD)
    assert any("Defaulting to INT8" in warning for warning in built.parser_warnings)


@pytest.mark.parametrize("content", [b"", b"hello world" * 100])
def test_not_an_onnx_file(tmp_path, content):
    source = tmp_path / "model.onnx"
    source.write_bytes(content)
    with pytest.raises(EngineError, match=r"holds no ONNX graph|cannot parse") as caught:
        ensure(source)
    assert caught.value.exit_code == 4


def test_truncated_onnx(student_onnx, tmp_path):
    source = tmp_path / "model.onnx"
    source.write_bytes(student_onnx.read_bytes()[: student_onnx.stat().st_size // 2])
    with pytest.raises(EngineError, match=r"cannot parse .*Failed to parse the ONNX model") as caught:
        ensure(source)
    assert caught.value.exit_code == 4


def test_hash_is_checked_against_the_manifest(tiny):
    manifest(tiny.parent, files={"model.onnx": build_engine._sha256(str(tiny))})
    assert ensure(tiny).status == "built"
    manifest(tiny.parent, files={"model.onnx": "0" * 64})
    with pytest.raises(EngineError, match=r"is not the file of this artifact.*says 000000000000…") as caught:
        ensure(tiny)
    assert caught.value.exit_code == 4


SIDES = '{"files": {}, "spec": {"size": {"minimum": 8, "multiple_of": %s}}}'
NO_FILES = '{"files": [], "spec": {"size": {"minimum": 8, "multiple_of": 8}}}'


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"files": {}}',
        "\ufeff{}",
        "[" * 100_000,
        SIDES % 0,
        SIDES % "1e30",
        SIDES % '"x"',
        NO_FILES,
    ],
)
def test_damaged_manifest(tiny, content):
    (tiny.parent / "manifest.json").write_text(content)
    with pytest.raises(EngineError, match=r"manifest\.json' is damaged") as caught:
        ensure(tiny)
    assert caught.value.exit_code == 4


# The key


def test_current_engine_is_kept(tiny):
    first = ensure(tiny)
    assert (first.status, first.reason) == ("built", "there is no model.engine yet")
    again = ensure(tiny)
    assert (again.status, again.reason, again.bytes) == ("current", None, first.bytes)
    assert ensure(tiny, rebuild=True).reason == "a rebuild was asked for"


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        ("gpu", "Orin", "it was built for GPU 'Orin', now it is none"),
        ("compute_capability", "8.7", "compute capability '8.7', now it is '8.6,8.9'"),
        (
            "tensorrt",
            "TensorRT 10.3.0",
            "it was built for TensorRT 'TensorRT 10.3.0', now it is 'TensorRT-RTX",
        ),
        ("jetpack", "6", "JetPack '6', now it is none"),
        ("l4t", "36.4.3", "Jetson Linux '36.4.3', now it is none"),
        ("cuda", "12.6", "CUDA '12.6', now it is none"),
        ("onnx_sha256", "f" * 64, "ONNX file ffffffffffff…, now it is "),
        ("profile", "8x8,8x8,8x8", "--shapes '8x8,8x8,8x8', now it is none"),
    ],
)
def test_stale_engine_is_rebuilt_and_says_why(tiny, entry, value, sentence):
    ensure(tiny)
    edit_sidecar(tiny, **{entry: value})
    told = []
    made = ensure(tiny, notify=told.append)
    assert made.status == "built"
    assert sentence in made.reason
    assert told == [f"building model.engine: {made.reason}"]
    assert ensure(tiny).status == "current"


def test_all_differences_are_named_and_some_can_be_ignored(tiny):
    made = ensure(tiny)
    edit_sidecar(tiny, gpu="Orin", cuda="12.6")
    engine = str(tiny.with_suffix(".engine"))
    assert why_stale(engine, made.key) == (
        "it was built for GPU 'Orin', now it is none; CUDA '12.6', now it is none"
    )
    assert why_stale(engine, made.key, ignore=("gpu", "cuda")) is None


def test_engine_changed_or_without_record_is_rebuilt(tiny):
    ensure(tiny)
    engine, sidecar = tiny.with_suffix(".engine"), tiny.with_suffix(".engine.json")
    engine.write_bytes(engine.read_bytes()[:-1])
    assert ensure(tiny).reason == "model.engine was changed after it was built"
    sidecar.write_text("{}")
    assert ensure(tiny).reason == "its record model.engine.json is missing or damaged"
    sidecar.unlink()
    assert ensure(tiny).reason == "its record model.engine.json is missing or damaged"


def test_changed_onnx_is_rebuilt(tiny):
    ensure(tiny)
    save(tiny, [helper.make_node("Sigmoid", ["image"], ["restored"])])
    assert "it was built for ONNX file" in ensure(tiny).reason


# Free sides


def test_shapes():
    assert parse_shapes("720x1280") == ((720, 1280),) * 3
    assert parse_shapes("64x64,1080X1920") == ((64, 64), (1080, 1920), (1080, 1920))
    assert parse_shapes("64x64, 512x512,1080x1920") == ((64, 64), (512, 512), (1080, 1920))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("720", "one to three HxW"),
        ("0x8", "one to three HxW"),
        ("8x8,8x8,8x8,8x8", "has 4 sizes"),
        ("64x64,32x128", "from the smallest size to the largest"),
    ],
)
def test_bad_shapes(text, message):
    with pytest.raises(EngineError, match=message) as caught:
        parse_shapes(text)
    assert caught.value.exit_code == 1


def test_default_profile_follows_the_manifest(free):
    assert build_engine.default_profile(str(free)) == ((8, 8), (1080, 1920), (2048, 2048))
    manifest(free.parent, minimum=20, multiple_of=16)
    assert build_engine.default_profile(str(free)) == ((32, 32), (1072, 1920), (2048, 2048))


def test_free_sides_are_built_with_a_profile(free):
    assert ensure(free).status == "built"
    options = BuildOptions(parse_shapes("64x64,512x512"), ("8.6",))
    made = ensure_engine(trt, str(free), str(free.with_suffix(".engine")), options)
    assert made.key["profile"] == "64x64,512x512,512x512"
    assert "--shapes none, now it is '64x64,512x512,512x512'" in made.reason


def test_free_batch_is_refused(tmp_path):
    node = helper.make_node("Relu", ["image"], ["restored"])
    source = save(tmp_path / "batch.onnx", [node], shape=("batch", 3, 16, 16))
    with pytest.raises(EngineError, match=r"'image'.*only height and width") as caught:
        ensure(source)
    assert caught.value.exit_code == 4


# The command line


def test_prints_the_engines_path(tiny, capsys):
    assert main(["--onnx", str(tiny), *CLI]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tiny.with_suffix('.engine')}\n"
    assert "there is no model.engine yet" in printed.err


def test_output_json_and_verbose(tiny, capsys, tmp_path):
    output = tmp_path / "elsewhere.engine"
    assert main(["--onnx", str(tiny), "--output", str(output), "--json", "--verbose", *CLI]) == 0
    printed = capsys.readouterr()
    (made,) = json.loads(printed.out)["engines"]
    assert made["engine"] == str(output)
    assert output.is_file()
    assert json.loads((tmp_path / "elsewhere.engine.json").read_text())["key"] == made["key"]
    assert "[INFO]" in printed.err


def test_standard_output_is_kept_clean(tmp_path, capfd):
    """TensorRT's compiler prints a warning about this clip on its own."""
    nodes = [
        helper.make_node("Cast", ["image"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Clip", ["half", "low"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["restored"], to=TensorProto.FLOAT),
    ]
    source = save(tmp_path / "clip.onnx", nodes, [("low", np.float16(0.5))])
    assert main(["--onnx", str(source), *CLI]) == 0
    printed = capfd.readouterr()
    assert printed.out == f"{source.with_suffix('.engine')}\n"
    assert "precision-lose casting" in printed.err


def test_builder_warnings_reach_standard_error(tmp_path, capsys):
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["restored"]),
    ]
    source = save(tmp_path / "uint8.onnx", nodes, [("s", np.float32(0.1)), ("z", np.uint8(0))])
    assert main(["--onnx", str(source), *CLI]) == 0
    assert "warning: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--onnx", "model.onnx", "--frobnicate"], "unrecognized arguments: --frobnicate; see --help"),
        (["--onnx", "absent.onnx"], "cannot read 'absent.onnx': No such file"),
        (
            ["--onnx", "model.onnx", "model.onnx", "--output", "x.engine"],
            "--output is for one ONNX file, not 2",
        ),
        (["--onnx", "model.onnx", "--output", "absent/x.engine"], "cannot write 'absent/x.engine'"),
        (["--onnx", "model.onnx", "--workspace-mib", "0"], "--workspace-mib must be at least 1, got 0"),
        (["--onnx", "model.onnx", "--shapes", "big"], "--shapes 'big' is not"),
        (
            ["--onnx", "model.onnx", "--compute-capability", "8.7"],
            "no compute capability '8.7'; it has 7.5, 8.0,",
        ),
        (["--onnx", "model.onnx", "--timing-cache", "t.bin"], "drop --timing-cache"),
    ],
)
def test_wrong_usage(tiny, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tiny.parent)
    assert main([*CLI, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert sorted(p.name for p in tiny.parent.iterdir()) == ["build_engine.py", "model.onnx"]


def test_only_tensorrt_rtx_builds_ahead_of_time():
    ten = SimpleNamespace(__name__="tensorrt", __version__="10.3.0")
    with pytest.raises(EngineError, match=r"TensorRT 10\.3\.0 builds only for the GPU here") as caught:
        build_engine._aim(ten, SimpleNamespace(), ["8.6"])
    assert caught.value.exit_code == 1


def test_no_onnx_beside_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build_engine, "__file__", str(tmp_path / "build_engine.py"))
    assert main(CLI) == 1
    assert "no .onnx file in" in capsys.readouterr().err


class TimingConfig:
    """The part of TensorRT's IBuilderConfig that keeps timings, which TensorRT-RTX has no use for."""

    def __init__(self, accepts):
        self.accepts, self.cache = accepts, None

    def create_timing_cache(self, blob):
        return SimpleNamespace(blob=blob, serialize=lambda: bytearray(blob + b"+timings"))

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False
        if cache.blob in self.accepts:
            self.cache = cache
        return cache.blob in self.accepts

    def get_timing_cache(self):
        return self.cache


@pytest.mark.parametrize(
    ("stored", "kept"), [(None, b"+timings"), (b"ours", b"ours+timings"), (b"old", b"+timings")]
)
def test_timing_cache(tmp_path, stored, kept):
    path = tmp_path / "timings.bin"
    if stored is not None:
        path.write_bytes(stored)
    config = TimingConfig([b"", b"ours"])
    build_engine._load_timing_cache(SimpleNamespace(__name__="tensorrt"), config, str(path))
    build_engine._save_timing_cache(config, str(path))
    assert path.read_bytes() == kept
