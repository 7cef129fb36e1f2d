"""Restore a picture by a server that speaks the KServe v2 protocol, such as Triton or OpenVINO Model Server.

    python client.py ARTIFACT --url http://localhost:8000 dark.jpg -o bright.png

The artifact's folder is needed for its manifest alone: sizes, tiles and the prior's thumbnail are computed
here, the networks run on the server.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact, Manifest
from restorect_edge.errors import BackendError, RestorectError
from restorect_edge.export.serve.repository import model_name
from restorect_edge.inference.base import Runtime

__all__ = ["ServedRuntime", "main"]

LENGTH = "Inference-Header-Content-Length"
"""The header that says where JSON ends and tensors begin."""
PATIENCE = 60.0
"""Seconds that an answer may take."""


class ServedRuntime(Runtime):
    """Runs an artifact's graphs on a server; call it as what `restorect_edge.load` returns.

    Args:
        manifest: of the artifact.
        root: its directory.
        url: of the server, without a path.
    """

    name: ClassVar[str] = "server"

    def __init__(self, manifest: Manifest, root: Path, url: str) -> None:
        self._url = url.rstrip("/")
        self._names = {root / graph.file: model_name(manifest, graph) for graph in manifest.graphs}
        super().__init__(manifest, root)

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``server``: which device that has is its own affair."""
        return ("server",)

    def _open(self, path: Path) -> str:
        name = self._names[path]
        self._ask(f"/v2/models/{name}/ready", None, {})
        return name

    def _run(self, session: str, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        inputs = [
            {
                "name": name,
                "shape": values.shape,
                "datatype": "FP32",
                "parameters": {"binary_data_size": values.nbytes},
            }
            for name, values in feeds.items()
        ]
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        body = head + b"".join(np.ascontiguousarray(values, "<f4").tobytes() for values in feeds.values())
        answer, length = self._ask(f"/v2/models/{session}/infer", body, {LENGTH: str(len(head))})
        (output,) = json.loads(answer[:length])["outputs"]
        if "data" in output:
            values: Any = np.array(output["data"], np.float32)
        else:
            values = np.frombuffer(answer, "<f4", offset=length).astype(np.float32)
        restored: NDArray[np.float32] = values.reshape(output["shape"])
        return restored

    def _provider(self, session: str) -> str:
        return f"{session} at {self._url}"

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[bytes, int]:
        """Return an answer, and the length of its JSON."""
        request = urllib.request.Request(
            self._url + path, body, {"Content-Type": "application/octet-stream", **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                answer: bytes = response.read()
                return answer, int(response.headers.get(LENGTH, len(answer)))
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace").strip()
            raise BackendError(f"the server refused {path}: {error.code} {said or error.reason}") from error
        except (OSError, ValueError) as error:
            raise BackendError(
                f"no server answers at '{self._url}{path}': {error}; start it first"
            ) from error


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("artifact", type=Path, help="folder made by restorect_edge.export")
    parser.add_argument("image", type=Path)
    parser.add_argument("--url", default="http://localhost:8000", help="default %(default)s")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        with ServedRuntime(Artifact.open(given.artifact).manifest, given.artifact, given.url) as restore:
            result: Any = restore(given.image)
            result.save(given.output)
    except RestorectError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
