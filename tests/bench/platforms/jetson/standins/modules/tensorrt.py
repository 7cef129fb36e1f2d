"""TensorRT 10's interface as far as this project uses it; what runs is ONNX Runtime, in another process.

An engine is the ONNX graph behind a line that names the version, as tied to it as a real one.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

STATE = Path(os.environ["STANDIN_STATE"])
__version__ = (STATE / "tensorrt").read_text().strip()

float32 = "FLOAT"
TensorIOMode = SimpleNamespace(INPUT="INPUT", OUTPUT="OUTPUT")
BuilderFlag = SimpleNamespace(TF32=7)
NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
MemoryPoolType = SimpleNamespace(WORKSPACE=0)
MAGIC = f"stand-in engine of TensorRT {__version__}\n".encode()


class ILogger:
    pass


class Gpu:
    """The process that runs graphs: a line of JSON each way, followed by what it says how many bytes of."""

    _instance = None

    @classmethod
    def ask(cls, request, *blobs):
        if cls._instance is None:
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_"))}
            command = [
                os.environ["STANDIN_GPU_PYTHON"],
                "-W",
                "ignore",
                str(Path(__file__).with_name("standin_gpu.py")),
            ]
            cls._instance = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        process = cls._instance
        process.stdin.write(json.dumps({**request, "sizes": [len(b) for b in blobs]}).encode() + b"\n")
        for blob in blobs:
            process.stdin.write(blob)
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        return answer, process.stdout.read(answer.get("size", 0))


class Builder:
    def __init__(self, logger):
        assert isinstance(logger, ILogger)

    def create_network(self, flags):
        assert flags == 1 << 1, "strongly typed"
        return SimpleNamespace(num_layers=0, num_outputs=0, num_inputs=0, onnx=b"", get_input=None)

    def create_builder_config(self):
        return Config()

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        shapes = json.dumps(config.profiles).encode()
        if config.cache is not None:
            config.cache.content += b"kernel;"
        return MAGIC + shapes + b"\n" + network.onnx


class Config:
    def __init__(self):
        self.profiles, self.cache = {}, None

    def clear_flag(self, flag):
        assert flag == BuilderFlag.TF32

    def create_timing_cache(self, blob):
        return SimpleNamespace(content=bytes(blob), serialize=lambda: self.cache.content)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert not ignore_mismatch
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache

    def add_optimization_profile(self, profile):
        self.profiles = profile.shapes


class Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, *shapes):
        self.shapes[name] = [list(shape) for shape in shapes]


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.errors = network, []

    def parse_from_file(self, path):
        onnx = Path(path).read_bytes()
        answer, _ = Gpu.ask({"do": "open"}, onnx)
        if "error" in answer:
            self.errors.append(answer["error"])
            return False
        inputs = [SimpleNamespace(name=name, shape=shape) for name, shape in answer["inputs"]]
        self.network.onnx, self.network.num_layers = onnx, answer["nodes"]
        self.network.num_inputs, self.network.num_outputs = len(inputs), len(answer["outputs"])
        self.network.get_input = inputs.__getitem__
        return True

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        return SimpleNamespace(desc=lambda: self.errors[index], node=lambda: 0)


class Runtime:
    def __init__(self, logger):
        self.logger = logger

    def deserialize_cuda_engine(self, plan):
        magic, shapes, onnx = plan.split(b"\n", 2)
        if magic + b"\n" != MAGIC:
            self.logger.log("ERROR", "the engine is of another version")
            return None
        answer, _ = Gpu.ask({"do": "open"}, onnx)
        return Engine(onnx, json.loads(shapes), answer)


class Engine:
    def __init__(self, onnx, profile, answer):
        self.onnx, self.profile, self.session = onnx, profile, answer["session"]
        self.inputs, self.outputs = [n for n, _ in answer["inputs"]], [n for n, _ in answer["outputs"]]
        self.shapes = dict(answer["inputs"])

    @property
    def num_io_tensors(self):
        return len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, index):
        return (self.inputs + self.outputs)[index]

    def get_tensor_dtype(self, name):
        return float32

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_profile_shape(self, name, index):
        return self.profile.get(name, [self.shapes[name]] * 3)

    def create_execution_context(self):
        return Context(self)


class Context:
    def __init__(self, engine):
        self.engine, self.addresses, self.shapes = engine, {}, {}

    def set_input_shape(self, name, shape):
        low, _, high = self.engine.get_tensor_profile_shape(name, 0)
        fits = all(a <= side <= b for a, side, b in zip(low, shape, high, strict=True))
        if fits:
            self.shapes[name] = tuple(shape)
        return fits

    def get_tensor_shape(self, name):
        answer, _ = Gpu.ask({"do": "shape", "session": self.engine.session, "shapes": self.shapes})
        return tuple(answer["shape"])

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        feeds = [self._memory(name, self.shapes[name]).tobytes() for name in self.engine.inputs]
        request = {"do": "run", "session": self.engine.session, "shapes": self.shapes}
        answer, blob = Gpu.ask(request, *feeds)
        if "error" in answer:
            print(answer["error"], file=sys.stderr)
            return False
        result = np.frombuffer(blob, np.float32)
        if (STATE / "wrong").exists():
            result = 1 - result
        self._memory(self.engine.outputs[0], result.shape)[:] = result
        return True

    def _memory(self, name, shape):
        pointer = ctypes.cast(self.addresses[name], ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (int(np.prod(shape)),))
