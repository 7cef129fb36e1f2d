"""What an export makes when it is told little, and that each option still says what it says."""

import pytest
import torch

from restorect_edge.export import TARGETS, ExportRequest, prepare
from restorect_edge.export.jobs import TILES
from restorect_edge.targets.base import CAMERA

UPRIGHT = "720x1280_1280x720"


def name_of(target, source="lowlight-nano", **options):
    """Return the end of the folder's name: form and sides."""
    for need in TARGETS[target].missing():
        pytest.skip(f"no module '{need.module}'")
    (path,) = prepare(source, [target], ExportRequest(**options)).paths
    return path.name.split("-", 4)[4]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("onnx", "split-dynamic"),
        ("openvino", "split-dynamic"),
        ("mnn", "split-dynamic"),
        ("litert", "split-512x512"),
        ("executorch", "split-512x512"),
        ("coreml", UPRIGHT),
        ("tensorrt", UPRIGHT),
    ],
)
def test_a_target_has_the_default_that_its_users_need(target, name):
    assert name_of(target) == name


def test_every_target_takes_any_photograph_or_camera_frames_of_both_orientations():
    for target in TARGETS.values():
        anything = target.form == "split" and (
            target.sides == (TILES,) or (target.free_sides and not target.sides)
        )
        assert anything or target.sides == CAMERA, target.name


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"shapes": [(64, 96)]}, "64x96"),
        ({"shapes": [(64, 96)], "form": "split"}, "split-64x96"),
        ({"dynamic": True}, "dynamic"),
        ({"form": "split"}, "split-dynamic"),
        ({"form": "whole"}, "dynamic"),
        ({"form": "split", "dynamic": False}, "split-512x512"),
    ],
)
def test_what_is_asked_for_is_made(options, name):
    assert name_of("onnx", **options) == name


@pytest.mark.parametrize(("options", "name"), [({}, UPRIGHT), ({"form": "split"}, f"split-{UPRIGHT}")])
def test_sides_of_a_phone_stay_fixed_in_both_forms(options, name):
    assert name_of("coreml", **options) == name


def test_targets_of_one_export_share_what_they_can():
    names = [name for name in TARGETS if not TARGETS[name].missing()]
    jobs = prepare("lowlight-nano", names, ExportRequest()).jobs
    assert len({job.layout for job in jobs}) == len({(TARGETS[n].form, TARGETS[n].sides) for n in names})


@pytest.mark.parametrize(("target", "name"), [("onnx", "fp32-dynamic"), ("coreml", f"fp16-{UPRIGHT}")])
def test_a_network_of_ones_own_takes_the_same_sides(target, name):
    for need in TARGETS[target].missing():
        pytest.skip(f"no module '{need.module}'")
    (path,) = prepare(torch.nn.Identity(), [target]).paths
    assert path.name == f"identity-{target}-{name}"
