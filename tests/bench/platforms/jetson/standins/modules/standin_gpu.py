"""Runs ONNX graphs for `tensorrt.py`: requests on standard input, answers on standard output."""

import json
import sys

import numpy as np
import onnx
import onnxruntime


def opened(sessions, blob):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    sessions.append(session)
    described = {
        kind: [(t.name, [side if isinstance(side, int) else -1 for side in t.shape]) for t in tensors]
        for kind, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }
    return {
        "session": len(sessions) - 1,
        "nodes": len(onnx.load_from_string(blob).graph.node),
        **described,
    }, b""


def run(session, request, blobs):
    names = [tensor.name for tensor in session.get_inputs()]
    feeds = {
        name: np.frombuffer(blob, np.float32).reshape(request["shapes"][name])
        for name, blob in zip(names, blobs, strict=True)
    }
    result = np.ascontiguousarray(session.run(None, feeds)[0], np.float32)
    return {"shape": result.shape, "size": result.nbytes}, result.tobytes()


def shape(session, request):
    known = session.get_outputs()[0].shape
    if all(isinstance(side, int) for side in known):
        return {"shape": known}, b""
    zeros = [np.zeros(request["shapes"][t.name], np.float32).tobytes() for t in session.get_inputs()]
    return {"shape": run(session, request, zeros)[0]["shape"]}, b""


def main():
    sessions = []
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        request = json.loads(line)
        blobs = [source.read(size) for size in request["sizes"]]
        try:
            if request["do"] == "open":
                answer, blob = opened(sessions, blobs[0])
            elif request["do"] == "shape":
                answer, blob = shape(sessions[request["session"]], request)
            else:
                answer, blob = run(sessions[request["session"]], request, blobs)
        except Exception as error:
            answer, blob = {"error": str(error)}, b""
        sink.write(json.dumps(answer).encode() + b"\n" + blob)
        sink.flush()


if __name__ == "__main__":
    main()
