"""Run an artifact's graphs for a program that asks over pipes: `python network.py ARTIFACT`.

It stands in for the Java interface of LiteRT or ONNX Runtime where the Kotlin module is tested without
one. The protocol is that of `PipeNetwork.kt`.
"""

import struct
import sys
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

import restorect_edge

Values = NDArray[np.float32] | NDArray[np.uint8]


def main() -> None:
    path, source, sink = sys.argv[1], sys.stdin.buffer, sys.stdout.buffer
    with restorect_edge.load(path, device="cpu", threads=1) as runtime:
        sessions = {graph.file: session for graph, session in runtime._sessions.items()}
        _write_text(sink, runtime.name)
        while file := _text(source):
            feeds = {_text(source): _tensor(source) for _ in range(_number(source))}
            _write_tensor(sink, runtime._run(sessions[file], feeds))


def _number(source: BinaryIO) -> int:
    (found,) = struct.unpack(">i", source.read(4))
    return int(found)


def _text(source: BinaryIO) -> str:
    """Read a text; an empty one where the other end has closed."""
    size = source.read(2)
    return source.read(int.from_bytes(size, "big")).decode() if size else ""


def _tensor(source: BinaryIO) -> Values:
    shape = [_number(source) for _ in range(_number(source))]
    stored = np.dtype("u1" if source.read(1) == b"\x01" else ">f4")
    content = source.read(stored.itemsize * int(np.prod(shape)))
    return np.frombuffer(content, stored).astype(stored.newbyteorder("=")).reshape(shape)


def _write_text(sink: BinaryIO, text: str) -> None:
    content = text.encode()
    sink.write(len(content).to_bytes(2, "big") + content)
    sink.flush()


def _write_tensor(sink: BinaryIO, values: Values) -> None:
    sink.write(struct.pack(f">{1 + values.ndim}i", values.ndim, *values.shape))
    bytes_alone = values.dtype == np.uint8
    sink.write(bytes([bytes_alone]))
    sink.write(np.ascontiguousarray(values, "u1" if bytes_alone else ">f4").tobytes())
    sink.flush()


if __name__ == "__main__":
    main()
