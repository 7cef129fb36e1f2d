"""INT8 on x86 CPUs without VNNI: which variant suits, and that the other is warned of."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from restorect_edge.artifact import Artifact
from restorect_edge.cli.inspect import describe
from restorect_edge.errors import SaturationWarning, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import backend_class
from restorect_edge.utils import cpu as _cpu

for library in ("nncf", "torchao", "openvino"):
    pytest.importorskip(library)

pytestmark = pytest.mark.cpu
RUNTIMES = pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
FLAGS = "fpu sse4_2 avx avx2 fma"


@pytest.fixture
def cpu(monkeypatch, tmp_path):
    """`cpu("avx2 ...")` makes this an x86 CPU with these flags; `cpu(None)` one that says nothing."""

    def install(flags):
        file = tmp_path / "cpuinfo"
        if flags is not None:
            file.write_text(f"processor\t: 0\nmodel name\t: Old Core\nflags\t\t: {flags}\n")
        monkeypatch.setattr(_cpu, "CPUINFO", file)
        monkeypatch.delenv(_cpu.SWITCH, raising=False)

    return install


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """INT8 for ONNX, calibrated for CPUs with VNNI and without, by what it was calibrated for."""
    folder = tmp_path_factory.mktemp("variants")
    found = {}
    for name in ("portable", "vnni"):
        request = ExportRequest(
            precision="int8",
            cpu=name,
            shapes=[(64, 96)],
            num_calib=16,
            max_psnr_drop=9.0,
            output_dir=folder,
        )
        (found[name],) = prepare("lowlight-small", ["onnx"], request).run()
    return found


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        (FLAGS, False),
        (f"{FLAGS} avx512f avx512_vnni", True),
        (f"{FLAGS} avx_vnni", True),
        (f"{FLAGS} amx_tile amx_int8", True),
        (None, None),
    ],
)
def test_vnni_is_read_from_the_flags(cpu, flags, answer):
    cpu(flags)
    assert _cpu.has_vnni() is answer


def test_an_arm_cpu_has_no_such_question(cpu, tmp_path):
    cpu(FLAGS)
    _cpu.CPUINFO.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp\n")
    assert _cpu.has_vnni() is None


@pytest.mark.parametrize(("value", "answer"), [("0", False), ("1", True), ("", None)])
@pytest.mark.parametrize("flags", [FLAGS, f"{FLAGS} avx_vnni"])
def test_a_variable_speaks_for_the_cpu(cpu, monkeypatch, flags, value, answer):
    cpu(flags)
    monkeypatch.setenv(_cpu.SWITCH, value)
    assert _cpu.has_vnni() is ("vnni" in flags if answer is None else answer)


@pytest.mark.parametrize("value", ["2", "yes", " 1", "-1"])
def test_a_variable_that_says_neither_is_refused(monkeypatch, value):
    monkeypatch.setenv(_cpu.SWITCH, value)
    with pytest.raises(UsageError, match=f"RESTORECT_EDGE_VNNI .* 0 or 1, got '{value}'; unset it to look"):
        _cpu.has_vnni()


@RUNTIMES
def test_the_wrong_variant_is_warned_of(cpu, variants, runtime):
    cpu(FLAGS)
    message = r"int8-vnni-64x96' is INT8 for CPUs with VNNI, and Old Core has none: .* without --cpu vnni"
    with pytest.warns(SaturationWarning, match=message) as caught:
        load(variants["vnni"].path, runtime=runtime, device="cpu").close()
    assert caught[0].filename == __file__


@RUNTIMES
@pytest.mark.parametrize(
    ("variant", "flags"), [("portable", FLAGS), ("vnni", f"{FLAGS} avx512_vnni"), ("vnni", None)]
)
def test_what_suits_is_not(cpu, variants, runtime, variant, flags):
    cpu(flags)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(variants[variant].path, runtime=runtime, device="cpu").close()


@RUNTIMES
def test_neither_are_literal_execution_and_other_precisions(cpu, variants, artifact_onnx, runtime):
    cpu(FLAGS)
    literal, artifact = backend_class(runtime).literal(), variants["vnni"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        literal(artifact.manifest, artifact.path).close()
        load(artifact_onnx.path, runtime=runtime, device="cpu").close()


def test_an_older_artifact_that_does_not_say_counts_as_full_range(cpu, variants):
    cpu(FLAGS)
    artifact = variants["portable"]
    silent = replace(artifact.manifest, options={})
    with pytest.warns(SaturationWarning):
        backend_class("onnxruntime")(silent, artifact.path, device="cpu").close()


def test_each_says_which_it_is(variants):
    for name, artifact in variants.items():
        assert artifact.manifest.options == {"cpu": name}
        assert ("option", f"cpu {name}") in list(describe(Artifact.open(artifact.path)))
    assert variants["portable"].path.name == "lowlight-small-onnx-int8-64x96"
    assert variants["vnni"].path.name == "lowlight-small-onnx-int8-vnni-64x96"


def levels(artifact):
    """Largest level of each weight that is computed with in 8 bits."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(artifact.path / "model.onnx").graph
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    named = [
        stored[n.input[0]] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in stored
    ]
    return [int(np.abs(w.astype(int)).max()) for w in named if w.ndim == 4]


def test_the_safe_variant_leaves_room_for_two_products_in_16_bits(variants):
    """The body's weights; the prior's are only stored as int8, and computed with in float."""
    full, safe = levels(variants["vnni"]), levels(variants["portable"])
    # half the range costs fidelity, for which a block more may have returned to float
    assert len(full) >= len(safe) >= 20
    assert set(full) == {127}
    halved = [s for s in safe if s != 127]
    assert len(halved) >= 15
    assert all(2 * 255 * most <= 32767 for most in halved)


def test_literal_execution_is_the_same_in_both_back_ends(variants, photo):
    """But for values on the edge between two levels, which the order of sums decides."""
    artifact = variants["vnni"]
    image = photo.astype(np.float32) / np.float32(255)
    outputs = []
    for name in ("onnxruntime", "openvino"):
        with backend_class(name).literal()(artifact.manifest, artifact.path) as run:
            outputs.append(run(image))
    assert psnr(*outputs, peak=1.0) > 55


@RUNTIMES
def test_the_portable_variant_is_computed_here_as_it_is_written(variants, runtime, photo):
    """With the CPU's own instructions, or AVX2's where ONEDNN_MAX_CPU_ISA limits OpenVINO to them."""
    artifact = variants["portable"]
    with (
        load(artifact.path, runtime=runtime, device="cpu") as fused,
        backend_class(runtime).literal()(artifact.manifest, artifact.path) as literal,
    ):
        assert psnr(fused(photo), literal(photo)) > 43


def test_without_a_wish_int8_is_portable_where_an_x86_may_run_it():
    said = {
        targets: [
            (job.options.cpu, plan.calibration.cpu)
            for plan in [prepare("lowlight-small", targets, ExportRequest(precision="int8", num_calib=2))]
            for job in plan.jobs
        ]
        for targets in (("onnx",), ("openvino", "tensorrt"), ("tensorrt",), ("coreml",), ("litert",))
    }
    assert said == {
        ("onnx",): [("portable", "portable")],
        ("openvino", "tensorrt"): [("portable", "portable"), (None, "portable")],
        ("tensorrt",): [(None, "vnni")],
        ("coreml",): [(None, "vnni")],
        ("litert",): [(None, "vnni")],
    }


@pytest.mark.parametrize(("cpu", "made"), [("avx2", "portable"), ("portable", "portable"), ("vnni", "vnni")])
def test_names_of_the_variants(cpu, made):
    plan = prepare("lowlight-small", ["onnx"], ExportRequest(precision="int8", cpu=cpu, num_calib=2))
    assert plan.calibration.cpu == made


@pytest.mark.parametrize("cpu", ["avx2", "portable", "vnni"])
@pytest.mark.parametrize("target", ["tensorrt", "coreml", "litert"])
def test_other_targets_have_no_such_variant(target, cpu):
    with pytest.raises(UsageError, match=rf"--cpu {cpu} .* --target onnx or openvino; {target} runs where"):
        prepare("lowlight-small", [target], ExportRequest(precision="int8", cpu=cpu))


def test_other_precisions_have_no_such_variant():
    with pytest.raises(UsageError, match="--cpu: for --precision int8 or auto, got fp16"):
        prepare("lowlight-small", ["onnx"], ExportRequest(precision="fp16", cpu="avx2"))
