"""Recording from a camera: FFmpeg's own synthetic sources stand where the system's device would."""

import io
import re
import socket
import struct
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from restorect_edge.cli.run import main
from restorect_edge.errors import BackendError
from restorect_edge.media import video
from restorect_edge.media.video import camera

av = pytest.importorskip("av")


@pytest.fixture
def synthetic(monkeypatch):
    """Let cameras be FFmpeg's own sources, which give frames as a device does."""
    monkeypatch.setitem(camera.FORMATS, sys.platform, "lavfi")
    return "testsrc=size=96x64:rate=1000:duration=0.2,setpts=PTS+9000/TB"


def test_a_camera_is_recorded_from_time_zero(tmp_path, synthetic, capsys, frames):
    out = tmp_path / "out.mp4"
    assert main(["lowlight-nano", "--camera", synthetic, "-o", str(out), "--threads", "1"]) == 0
    written, dropped = map(int, re.search(r"(\d+) frames, (\d+) dropped, ", capsys.readouterr().err).groups())
    found = frames(out)
    assert len(found) == written >= 1
    assert written + dropped == 200
    assert found[0].time == 0
    assert found[-1].time < 0.2


def test_interrupting_a_camera_completes_the_file(tmp_path, synthetic, frames):
    seen = []

    def restore(rgb):
        seen.append(rgb)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return rgb

    written, _ = video.restore_camera(synthetic, tmp_path / "out.mp4", restore)
    assert written == len(frames(tmp_path / "out.mp4")) == 2


def test_a_camera_that_is_lost_leaves_what_it_gave(tmp_path, synthetic, monkeypatch, frames):
    read = camera._frames

    def unplugged(container, stream):
        def decode(stream):
            yield next(container.decode(stream))
            raise av.error.OSError(19, "No such device")

        yield from read(SimpleNamespace(decode=decode), stream)

    monkeypatch.setattr(camera, "_frames", unplugged)
    with pytest.raises(BackendError, match=r"was lost \(.*No such device.*\); the 1 frame before is in"):
        video.restore_camera(synthetic, tmp_path / "out.mp4", lambda rgb: rgb)
    assert len(frames(tmp_path / "out.mp4")) == 1


def test_a_missing_camera_is_named_with_exit_code_5(tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert main(["lowlight-nano", "--camera", "/dev/video-none", "-o", str(out)]) == 5
    assert "cannot open camera '/dev/video-none'" in capsys.readouterr().err
    assert not out.exists()


def rtp_packets(seconds):
    """RTP packets of MPEG-TS (payload type 33): a moving picture of 25 frames a second."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mpegts") as container:
        video_ = container.add_stream("libx264", rate=25, options={"bf": "0", "g": "5"})
        video_.width, video_.height, video_.pix_fmt = 96, 64, "yuv420p"
        for index in range(int(25 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 20 + index, np.uint8), "rgb24")
            frame.pts = index
            container.mux(video_.encode(frame))
        container.mux(video_.encode(None))
    content, size = stream.getvalue(), 7 * 188
    for number, start in enumerate(range(0, len(content), size)):
        header = struct.pack(">BBHII", 0x80, 33, number, 3600 * number, 1)
        packet = header + content[start : start + size]
        yield b"$\0" + struct.pack(">H", len(packet)) + packet


def serve_rtsp(server):
    """Answer one client as a network camera does, over the connection itself, and hang up at the end."""
    client, _ = server.accept()
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
    more = {
        "OPTIONS": "Public: DESCRIBE, SETUP, PLAY\r\n\r\n",
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}",
        "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    }
    plain = "Session: 1\r\n\r\n"
    with client, client.makefile("r", newline="\r\n") as requests:
        while True:
            lines = list(iter(lambda: requests.readline().strip(), ""))
            if not lines:
                return
            method = lines[0].split()[0]
            number = next(line for line in lines if line.startswith("CSeq"))
            client.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{more.get(method, plain)}".encode())
            if method == "PLAY":
                for packet in rtp_packets(1):
                    client.sendall(packet)
                return


def test_a_network_camera_is_recorded_over_rtsp(tmp_path, frames):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_rtsp, args=(server,), daemon=True)
        thread.start()
        address = f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"
        written, dropped = video.restore_camera(address, tmp_path / "out.mp4", lambda rgb: rgb)
        thread.join(10)
    assert len(frames(tmp_path / "out.mp4")) == written > 0
    assert written + dropped >= 20


@pytest.mark.parametrize("address", ["rtsp://127.0.0.1:9/live", "97"])
def test_a_camera_that_does_not_answer_is_named(tmp_path, address):
    with pytest.raises(BackendError, match=rf"cannot open camera '{address}' \(.*give a number"):
        video.restore_camera(address, tmp_path / "out.mp4", lambda rgb: rgb)
    assert not list(tmp_path.iterdir())


def test_a_number_is_the_systems_name(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert camera.camera_name("0") == "/dev/video0"
    assert camera.camera_name("/dev/video2") == "/dev/video2"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert camera.camera_name("1") == "1"
