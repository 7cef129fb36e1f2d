"""Recording from a camera: FFmpeg's own synthetic sources stand where the system's device would."""

import re
import sys
from types import SimpleNamespace

import pytest

from restorect_edge.cli.run import main
from restorect_edge.errors import BackendError
from restorect_edge.media import video
from restorect_edge.media.video import camera

av = pytest.importorskip("av")


def frames(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.fixture
def synthetic(monkeypatch):
    """Let cameras be FFmpeg's own sources, which give frames as a device does."""
    monkeypatch.setitem(camera.FORMATS, sys.platform, "lavfi")
    return "testsrc=size=96x64:rate=1000:duration=0.2,setpts=PTS+9000/TB"


def test_a_camera_is_recorded_from_time_zero(tmp_path, synthetic, capsys):
    out = tmp_path / "out.mp4"
    assert main(["lowlight-nano", "--camera", synthetic, "-o", str(out), "--threads", "1"]) == 0
    written, dropped = map(int, re.match(r"(\d+) frames, (\d+) dropped, ", capsys.readouterr().err).groups())
    found = frames(out)
    assert len(found) == written >= 1
    assert written + dropped == 200
    assert found[0].time == 0
    assert found[-1].time < 0.2


def test_interrupting_a_camera_completes_the_file(tmp_path, synthetic):
    seen = []

    def restore(rgb):
        seen.append(rgb)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return rgb

    written, _ = video.restore_camera(synthetic, tmp_path / "out.mp4", restore)
    assert written == len(frames(tmp_path / "out.mp4")) == 2


def test_a_camera_that_is_lost_leaves_what_it_gave(tmp_path, synthetic, monkeypatch):
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
