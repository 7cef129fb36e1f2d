"""Model repositories for servers: their layout and configuration, and the client against their protocol."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.artifact import Artifact
from restorect_edge.cli.export import main
from restorect_edge.errors import BackendError, UsageError
from restorect_edge.export.serve import client, model_repository
from restorect_edge.export.serve.client import LENGTH, ServedRuntime


class Server(ThreadingHTTPServer):
    """Serves the models of a repository by ONNX Runtime, with binary tensors, as KServe v2 has it."""

    daemon_threads = True

    def __init__(self, models: Path) -> None:
        onnxruntime = pytest.importorskip("onnxruntime")
        self.models = {
            path.parent.parent.name: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            for path in models.glob("*/1/model.onnx")
        }
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, code, body, **headers):
        self.send_response(code)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.split("/")[3]
        self.answer(200 if name in self.server.models else 404, b"")

    def do_POST(self):
        session = self.server.models[self.path.split("/")[3]]
        body, length = self.rfile.read(int(self.headers["Content-Length"])), int(self.headers[LENGTH])
        feeds = {}
        for row in json.loads(body[:length])["inputs"]:
            size = row["parameters"]["binary_data_size"]
            feeds[row["name"]] = np.frombuffer(body, "<f4", size // 4, length).reshape(row["shape"])
            length += size
        (output,) = session.run(None, feeds)
        head = {"outputs": [{"name": "restored", "shape": output.shape, "datatype": "FP32"}]}
        text = json.dumps(head).encode()
        self.answer(200, text + output.tobytes(), **{LENGTH: len(text)})


@pytest.fixture
def own(tmp_path):
    """`own(artifact)` copies one, so that what is written beside it is this test's."""
    return lambda artifact: Artifact.open(shutil.copytree(artifact.path, tmp_path / artifact.path.name))


@pytest.fixture
def url(artifact_split, own):
    """Address of a server with the models of the split artifact."""
    folder = model_repository(own(artifact_split), "triton")
    with Server(folder / "models") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_split_artifact_restores_as_it_does_here(artifact_split, url, photo):
    with (
        restorect_edge.load(artifact_split.path, threads=1) as here,
        ServedRuntime(artifact_split.manifest, artifact_split.path, url) as there,
    ):
        assert there.provider.endswith(url)
        for options in ({}, {"tile": 16}):
            off = np.abs(there(photo, **options).astype(int) - here(photo, **options))
            assert off.max() <= 1


def test_the_client_is_a_command(artifact_split, url, photo, tmp_path, capsys):
    from PIL import Image

    Image.fromarray(photo).save(tmp_path / "dark.png")
    command = [str(artifact_split.path), str(tmp_path / "dark.png"), "-o", str(tmp_path / "bright.png")]
    assert client.main([*command, "--url", url]) == 0
    with Image.open(tmp_path / "bright.png") as bright:
        assert bright.size == (photo.shape[1], photo.shape[0])
    assert client.main([*command, "--url", "http://127.0.0.1:9"]) == 5
    assert "no server answers at 'http://127.0.0.1:9/v2" in capsys.readouterr().err


def test_a_model_that_the_server_does_not_have_is_said(artifact_split, artifact_onnx, url):
    with pytest.raises(BackendError, match=r"the server refused /v2/models/.*/ready: 404"):
        ServedRuntime(artifact_onnx.manifest, artifact_onnx.path, url)


def parsed(config):
    """Return the name in a configuration read by Triton's own schema; None where that is not installed."""
    try:
        from google.protobuf import text_format
        from tritonclient.grpc import model_config_pb2
    except ImportError:
        return None
    return text_format.Parse(config, model_config_pb2.ModelConfig()).name


def test_triton_gets_a_configuration_for_each_graph(artifact_split, own):
    folder = model_repository(own(artifact_split), "triton")
    name = artifact_split.manifest.name
    models = {path.name for path in (folder / "models").iterdir()}
    assert models == {f"{name}-prior", f"{name}-body"}
    for model in models:
        config = (folder / "models" / model / "config.pbtxt").read_text(encoding="utf-8")
        assert f'name: "{model}"' in config
        assert 'backend: "onnxruntime"' in config
        assert parsed(config) in (None, model)
    assert (folder / "client.py").is_file()
    assert "tritonserver --model-repository" in (folder / "README.md").read_text(encoding="utf-8")


def test_openvino_model_server_gets_weights_and_a_list(artifact_openvino_split, own):
    folder = model_repository(own(artifact_openvino_split), "ovms")
    rows = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_config_list"]
    for row in rows:
        base = row["config"]["base_path"].replace("/repository", str(folder), 1)
        assert {path.name for path in Path(base, "1").iterdir()} == {"model.xml", "model.bin"}
    assert len(rows) == len(artifact_openvino_split.manifest.graphs)


def test_what_a_server_does_not_read_is_refused_before_anything_is_exported(tmp_path, capsys):
    options = ["--weights", "lowlight-nano", "--target", "coreml", "--serve", "triton", "-o", str(tmp_path)]
    assert main(options) == 1
    assert (
        "triton does not serve --target coreml as it is exported; choose onnx, openvino"
        in capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_server_is_refused(artifact_split):
    with pytest.raises(UsageError, match="unknown server 'torchserve'; known: triton, ovms"):
        model_repository(artifact_split, "torchserve")
