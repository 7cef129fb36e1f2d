"""The TensorRT runtime: engines for real with TensorRT-RTX, execution against stand-ins.

No test machine is promised a GPU. The driver is a small C library over host memory, so that the ctypes
prototypes are exercised with real 64-bit addresses; execution is a stand-in with TensorRT 10's interface
that reads and writes at the addresses it is given. Both show that the wrapper calls what it should with
what it should, and nothing about TensorRT itself.
"""

import ctypes
import json
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from restorect_edge.artifact import GraphFile, Manifest
from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError, UsageError
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.tensorrt import build_engine
from restorect_edge.targets.tensorrt import cuda as _cuda
from restorect_edge.targets.tensorrt import runtime as runtime_module
from restorect_edge.targets.tensorrt.build_engine import (
    BuildOptions,
    EngineError,
    ensure_engine,
    parse_shapes,
    read_gpu,
)
from restorect_edge.targets.tensorrt.cuda import Buffer, Cuda
from restorect_edge.targets.tensorrt.runtime import TensorRTRuntime, engine_errors, engine_for


@pytest.fixture
def driver(cuda_driver, monkeypatch):
    """A GPU that is host memory; nothing may be left allocated."""
    monkeypatch.setattr(_cuda, "LIBRARY", str(cuda_driver))
    monkeypatch.setattr(build_engine, "DRIVER", str(cuda_driver))
    library = ctypes.CDLL(str(cuda_driver))
    yield library
    assert (library.test_blocks(), library.test_streams(), library.test_contexts()) == (0, 0, 0)


@pytest.fixture
def no_driver(monkeypatch):
    monkeypatch.setattr(_cuda, "LIBRARY", "libno-such-driver.so.1")
    monkeypatch.setattr(build_engine, "DRIVER", "libno-such-driver.so.1")


def save(path, shape=(1, 3, 16, 24)):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["restored"])],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def manifest(*graphs, **options):
    return Manifest(
        name="stand-in",
        task="lowlight",
        target="tensorrt",
        precision="fp32",
        form="whole",
        spec=ImageSpec(size=SizeRequirements(minimum=8, multiple_of=8), **options),
        graphs=graphs or (GraphFile(role="whole", file="model.onnx", shape=(16, 24)),),
    )


# CUDA memory


def test_gpu_is_described(driver):
    assert read_gpu() == ("Orin", "8.7", "12.6")
    with pytest.raises(EngineError, match="cuDeviceGet gave CUDA error 101"):
        read_gpu(1)


def test_memory_goes_there_and_back(driver):
    cuda = Cuda()
    assert cuda.stream > 1 << 32
    address = cuda.allocate(4 << 20)
    there = np.random.default_rng(0).random((1 << 20,), np.float32)
    back = np.empty_like(there)
    cuda.upload(there, address)
    cuda.download(address, back)
    cuda.synchronize()
    assert np.array_equal(back, there)
    cuda.free(address)
    cuda.close()
    cuda.close()


def test_buffer_grows_and_is_reused(driver):
    cuda = Cuda()
    buffer = Buffer(cuda)
    small = buffer.reserve(100)
    assert buffer.reserve(50) == small
    buffer.reserve(1 << 20)
    assert driver.test_blocks() == 1
    buffer.free()
    buffer.free()
    cuda.close()


def test_cuda_errors_are_explained(driver):
    with pytest.raises(BackendError, match=r"cuDeviceGet gave error 101 \(invalid device ordinal\)"):
        Cuda(1)
    cuda = Cuda()
    with pytest.raises(BackendError, match=r"cuMemAlloc_v2 gave error 2 \(out of memory\)"):
        cuda.allocate(1 << 50)
    cuda.close()


def test_no_driver(no_driver):
    with pytest.raises(BackendError, match="no NVIDIA GPU driver on this machine"):
        Cuda()


# Devices


def test_devices_with_a_gpu(driver):
    pytest.importorskip("tensorrt_rtx_bindings")
    assert TensorRTRuntime.devices() == ("cuda",)


def test_devices_without_a_gpu(no_driver):
    pytest.importorskip("tensorrt_rtx_bindings")
    with pytest.raises(BackendError, match="TensorRT runs on NVIDIA GPUs: there is no NVIDIA GPU driver"):
        TensorRTRuntime.devices()


def test_without_the_library(monkeypatch):
    monkeypatch.setattr(build_engine, "MODULES", ("no_tensorrt",))
    with pytest.raises(MissingDependencyError, match=r"needs the extra 'tensorrt'") as caught:
        TensorRTRuntime.devices()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("code", "kind"), [(1, UsageError), (4, IncompatibleError), (5, BackendError)])
def test_engine_errors_become_ours(code, kind):
    with pytest.raises(kind, match="the reason"), engine_errors("the test"):
        raise EngineError("the reason", code)


# Engines, built by TensorRT-RTX


@pytest.fixture
def rtx():
    return pytest.importorskip("tensorrt_rtx_bindings")


def test_engine_is_built_beside_the_artifact_once(driver, rtx, tmp_path, caplog):
    source = save(tmp_path / "model.onnx")
    engine = engine_for(rtx, source)
    assert engine == tmp_path / "model.engine"
    assert "building model.engine: there is no model.engine yet" in caplog.text
    key = json.loads((tmp_path / "model.engine.json").read_text())["key"]
    assert (key["gpu"], key["compute_capability"], key["cuda"]) == ("Orin", "8.7", "12.6")
    written = engine.stat().st_mtime_ns
    assert engine_for(rtx, source).stat().st_mtime_ns == written


def test_engine_of_another_gpu_is_rebuilt(driver, rtx, tmp_path, caplog):
    source = save(tmp_path / "model.onnx")
    sidecar = tmp_path / "model.engine.json"
    engine_for(rtx, source)
    record = json.loads(sidecar.read_text())
    record["key"]["gpu"] = "NVIDIA Thor"
    sidecar.write_text(json.dumps(record))
    engine_for(rtx, source)
    assert "it was built for GPU 'NVIDIA Thor', now it is 'Orin'" in caplog.text


def test_engine_for_the_users_own_shapes_is_kept(driver, rtx, tmp_path):
    source = save(tmp_path / "model.onnx", (1, 3, "height", "width"))
    options = BuildOptions(parse_shapes("64x64,512x512"))
    ensure_engine(rtx, str(source), str(tmp_path / "model.engine"), options)
    record = (tmp_path / "model.engine.json").read_text()
    engine_for(rtx, source)
    assert (tmp_path / "model.engine.json").read_text() == record


def test_read_only_artifact_uses_the_cache(driver, rtx, tmp_path, monkeypatch):
    source = save(tmp_path / "model.onnx")
    monkeypatch.setattr(runtime_module.os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engine = engine_for(rtx, source)
    assert engine.parent == tmp_path / "cache" / "restorect_edge" / "tensorrt"
    assert engine.stem == build_engine._sha256(str(source))
    assert not (tmp_path / "model.engine").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(source))
    with pytest.raises(UsageError, match=r"no place for the engine.*set XDG_CACHE_HOME"):
        engine_for(rtx, source)


def test_engine_that_does_not_load_is_an_error(driver, rtx, tmp_path, monkeypatch):
    """The stand-in driver is unknown to TensorRT-RTX, whose own complaint must come through."""
    (tmp_path / "model.engine").write_bytes(b"not an engine")
    save(tmp_path / "model.onnx")
    monkeypatch.setattr(runtime_module, "engine_for", lambda trt, path: tmp_path / "model.engine")
    with pytest.raises(BackendError, match=r"TensorRT-RTX .* cannot load the engine of .*Error Code"):
        TensorRTRuntime(manifest(), tmp_path)


# Execution, by a stand-in with TensorRT 10's interface


class StandInEngine:
    """image → 1 - image, for sides from 8 to `largest`."""

    largest = (16, 24)
    names = ("image", "restored")
    dtype = "FLOAT"
    works = True
    num_io_tensors = 2

    def get_tensor_name(self, index):
        return self.names[index]

    def get_tensor_dtype(self, name):
        return self.dtype

    def get_tensor_mode(self, name):
        return "INPUT" if name == "image" else "OUTPUT"

    def get_tensor_profile_shape(self, name, profile):
        assert profile == 0
        return [(1, 3, 8, 8), (1, 3, *self.largest), (1, 3, *self.largest)]

    def create_execution_context(self):
        return StandInContext(self)


class StandInContext:
    def __init__(self, engine):
        self.engine, self.addresses, self.shape, self.streams = engine, {}, None, set()

    def set_input_shape(self, name, shape):
        assert name == "image"
        fits = all(8 <= side <= most for side, most in zip(shape[2:], self.engine.largest, strict=True))
        self.shape = tuple(shape) if fits else None
        return fits

    def get_tensor_shape(self, name):
        return self.shape

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        assert stream > 1 << 32
        count = int(np.prod(self.shape))
        image, restored = (
            np.ctypeslib.as_array(ctypes.cast(self.addresses[n], ctypes.POINTER(ctypes.c_float)), (count,))
            for n in self.engine.names
        )
        restored[:] = 1 - image
        return self.engine.works


@pytest.fixture
def stand_in(driver, monkeypatch, tmp_path):
    engine = StandInEngine()
    log = SimpleNamespace(records=[("ERROR", "enqueue failed")])
    module = SimpleNamespace(
        __name__="tensorrt",
        __version__="10.3.0",
        float32="FLOAT",
        TensorIOMode=SimpleNamespace(OUTPUT="OUTPUT"),
        Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: engine),
    )
    (tmp_path / "model.engine").write_bytes(b"plan")
    monkeypatch.setattr(runtime_module, "load_tensorrt", lambda: module)
    monkeypatch.setattr(runtime_module, "engine_for", lambda trt, path: tmp_path / "model.engine")
    monkeypatch.setitem(build_engine._LOGGERS, "tensorrt", log)
    return engine


def test_runs_an_image(stand_in, tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8)
    with TensorRTRuntime(manifest(), tmp_path) as run:
        assert run.provider == "TensorRT 10.3.0 on Orin (compute capability 8.7)"
        assert run.device == "cuda"
        assert np.array_equal(run(image), 255 - image)
        assert np.array_equal(run(image[:13, :9]), 255 - image[:13, :9])
    with pytest.raises(BackendError, match="is closed"):
        run(image)


def test_free_sides_grow_the_buffers(stand_in, driver, tmp_path):
    stand_in.largest = (64, 64)
    graph = GraphFile(role="whole", file="model.onnx")
    image = np.random.default_rng(2).random((64, 48, 3), np.float32)
    with TensorRTRuntime(manifest(graph), tmp_path) as run:
        for height, width in ((8, 8), (64, 48), (24, 40)):
            part = image[:height, :width]
            assert np.abs(run(part) - (1 - part)).max() < 1e-6
            assert driver.test_blocks() == 2
        with pytest.raises(
            IncompatibleError, match=r"\(1, 3, 72, 8\).*\(1, 3, 8, 8\) to \(1, 3, 64, 64\).*--shapes"
        ):
            run(np.zeros((70, 8, 3), np.float32))


def test_failed_execution(stand_in, tmp_path):
    stand_in.works = False
    with TensorRTRuntime(manifest(), tmp_path) as run:
        build_engine._LOGGERS["tensorrt"].records.append(("ERROR", "an illegal memory access"))
        with pytest.raises(BackendError, match="TensorRT failed: an illegal memory access"):
            run(np.zeros((16, 24, 3), np.uint8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "HALF"}, "tensor 'image' of .* is HALF, not float32"),
        ({"names": ("image", "restored", "more"), "num_io_tensors": 3}, "has 2 outputs, one is allowed"),
    ],
)
def test_foreign_graphs_are_refused(stand_in, tmp_path, changes, message):
    for name, value in changes.items():
        setattr(stand_in, name, value)
    with pytest.raises(IncompatibleError, match=message):
        TensorRTRuntime(manifest(), tmp_path)
