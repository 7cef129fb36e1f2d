"""The decibel budget of INT8: what is measured, which block is returned, and what the recipe says."""

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from restorect_edge.errors import QualityError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.media.photos import clean, photos
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.quantization.data.validation import Validation, validation_pairs
from restorect_edge.quantization.options import MAX_PSNR_DROP, Calibration
from restorect_edge.quantization.qdq import Q
from restorect_edge.quantization.scope import EXCLUDED

pytest.importorskip("nncf")

from restorect_edge.models.weights import load_weights
from restorect_edge.quantization.blocks import block_names
from restorect_edge.quantization.budget import Meter, bring_within, rank
from restorect_edge.quantization.calibrated import calibrate_student
from restorect_edge.quantization.plan import QuantPlan
from restorect_edge.quantization.quantize import planes, quantize_student
from restorect_edge.quantization.recipe import RECIPE_FILE

SHAPE = (64, 96)
SENSITIVE = "encode1.0.second"
"""The block that is made sensitive, in the middle of the trunk."""
OUTLIER = 2000.0


@pytest.fixture(scope="module")
def sensitive():
    """lowlight-small, equal in float, but half the input of a block is tiny and its weights are huge."""
    student = copy.deepcopy(load_weights("lowlight-small").body_owner())
    make_sensitive(student.body)
    return student


@torch.no_grad()
def make_sensitive(body):
    """Make half the channels between two convolutions tiny, and the weights that read them huge."""
    before, block = (body.get_submodule(name) for name in ("encode1.0.first", SENSITIVE))
    half = slice(len(before.weight) // 2)
    before.weight[half] /= OUTLIER
    before.bias[half] /= OUTLIER
    block.weight[:, half] *= OUTLIER


@pytest.fixture(scope="module")
def images():
    """Four dark photographs of 64x96."""
    return list(photos(SHAPE).values())


@pytest.fixture(scope="module")
def validation():
    """The same with their clean targets."""
    targets = clean(SHAPE)
    return Validation.of(((dark, targets[name]) for name, dark in photos(SHAPE).items()), "four pairs")


@pytest.fixture(scope="module")
def quantized_sensitive(sensitive, images):
    """The sensitive student with every block in int8."""
    return quantize_student(sensitive, images)


@pytest.fixture(scope="module")
def meter(sensitive, quantized_sensitive, validation):
    """What measures it."""
    return Meter(sensitive, quantized_sensitive.prior, validation)


@pytest.fixture(scope="module")
def budget(sensitive, quantized_sensitive, meter):
    """Decibels that the other blocks keep to whatever the weights are, and the sensitive block does not."""
    others = meter.drop(quantized_sensitive.with_float(sensitive, [SENSITIVE]).body)
    return round(max(others, 0.0) + 0.05, 3)


@pytest.fixture(scope="module")
def decision(sensitive, quantized_sensitive, meter, budget):
    """The sensitive student within its budget."""
    return bring_within(quantized_sensitive, sensitive, meter, budget)


def calibration(images, validation, **options):
    chosen = CalibrationSet(
        images=tuple(images),
        names=("a", "b", "c", "d"),
        sha256="ab" * 32,
        source="four photographs",
        requested=4,
        available=4,
    )
    return Calibration(photographs=chosen, seed=3, validation=validation, **options)


def pairs_read(node):
    return [source for source in node.all_input_nodes if source.target is Q.dequantize_per_tensor.default]


# what is measured


def test_the_drop_is_the_mean_difference_of_8_bit_psnr(sensitive, quantized_sensitive, meter):
    losses = []
    for name, dark in photos(SHAPE).items():
        with torch.no_grad():
            outputs = [network(planes(dark))[0].numpy() for network in (sensitive, quantized_sensitive)]
        levels = [np.rint(output.transpose(1, 2, 0) * 255).astype(np.uint8) for output in outputs]
        wanted = clean(SHAPE)[name]
        losses.append(psnr(levels[0], wanted) - psnr(levels[1], wanted))
    assert meter.drop(quantized_sensitive.body) == pytest.approx(np.mean(losses), abs=1e-3)


def test_the_float_body_loses_next_to_nothing(sensitive, meter):
    assert abs(meter.drop(sensitive.body)) < 0.05


def test_shipped_pairs_are_those_of_verification():
    found = validation_pairs(None, "lowlight")
    assert found.count == len(photos()) == 4
    assert found.source == "shipped photographs for 'lowlight'"
    for dark, wanted in zip(found.degraded, found.clean, strict=True):
        assert dark.shape == wanted.shape == (400, 600, 3)
        assert wanted.mean() > dark.mean()
    assert validation_pairs(None, "fundus") is None


@pytest.mark.parametrize("task", ["backlit", "underwater"])
def test_other_tasks_have_pairs_of_their_own_with_the_same_targets(task):
    found, dark = validation_pairs(None, task), validation_pairs(None, "lowlight")
    assert found.source == f"shipped photographs for '{task}'"
    assert found.sha256 != dark.sha256
    assert all(np.array_equal(a, b) for a, b in zip(found.clean, dark.clean, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(found.degraded, dark.degraded, strict=True))


def test_large_pairs_are_cut_to_their_middle():
    image = np.zeros((805, 21, 3), np.uint8)
    image[18, 2] = 7
    found = Validation.of([(image, image)], "one")
    assert found.degraded[0].shape == (768, 16, 3)
    assert found.degraded[0][0, 0].tolist() == [7, 7, 7]


def test_a_tiny_pair_is_refused():
    with pytest.raises(UsageError, match="is 64×7; sides are at least 8 pixels"):
        Validation.of([(np.zeros((7, 64, 3), np.uint8),) * 2], "one")


@pytest.mark.parametrize("drop", [-0.1, float("nan"), float("inf")])
def test_a_budget_is_a_number_of_decibels(images, validation, drop):
    with pytest.raises(UsageError, match=r"--max-psnr-drop is a loss in dB, 0 or more, .*got"):
        calibration(images, validation, max_psnr_drop=drop)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_fine_tuning_takes_time(images, validation, minutes):
    with pytest.raises(UsageError, match=r"--qat is a time in minutes, more than 0; got"):
        calibration(images, validation, qat=minutes)


# blocks


def test_blocks_are_the_quantized_convolutions_of_the_body(quantized_sensitive, sensitive):
    convolutions = {n for n, m in sensitive.body.named_modules() if isinstance(m, nn.Conv2d)}
    names = block_names(quantized_sensitive.body)
    assert set(names) == convolutions - {"exposure", "colour", "modulation"}
    assert (names[0], names[-1]) == ("enter", "leave")


def test_a_returned_block_has_the_float_weights_and_reads_float(quantized_sensitive, sensitive):
    network = quantized_sensitive.with_float(sensitive, ["up1"])
    layer = sensitive.body.get_submodule("up1")
    assert torch.equal(network.body.get_buffer("up1_weight"), layer.weight.detach().half().float())
    torch.testing.assert_close(network.body.get_buffer("up1_bias"), layer.bias.detach())
    assert "up1_weight_scale" not in dict(network.body.named_buffers())
    returned = [node for node in network.body.graph.nodes if network.excluded.get(node.name) == "budget"]
    assert [str(node.target).split(".")[1] for node in returned] == ["conv2d", "pixel_shuffle", "add"]
    assert not any(pairs_read(node) for node in returned)


def test_the_others_stay_as_they_are(quantized_sensitive, sensitive):
    network = quantized_sensitive.with_float(sensitive, ["up1"])
    stored = dict(quantized_sensitive.body.named_buffers())
    for name, value in network.body.named_buffers():
        if not name.startswith("up1"):
            assert torch.equal(value, stored[name])
    assert block_names(network.body) == [n for n in block_names(quantized_sensitive.body) if n != "up1"]


def test_with_all_blocks_in_float_only_the_prior_differs(quantized_sensitive, sensitive, images):
    network = quantized_sensitive.with_float(sensitive, block_names(quantized_sensitive.body))
    image = planes(images[0])
    with torch.no_grad():
        z = sensitive.prior(sensitive.thumbnail(image))
        torch.testing.assert_close(network.body(image, z), sensitive.body(image, z), atol=2e-3, rtol=0)
    assert not [n for n in network.body.graph.nodes if n.target is Q.quantize_per_tensor.default]


def test_an_unknown_block_is_named(quantized_sensitive, sensitive):
    with pytest.raises(UsageError, match=r"unknown block 'up3'; known: .*did you mean 'up[12]'"):
        quantized_sensitive.with_float(sensitive, ["up3"])


# the budget


def test_the_sensitive_block_is_ranked_first(decision, budget):
    assert decision.before > budget
    assert decision.ranking[0].block == SENSITIVE
    assert decision.ranking[0].psnr_drop < 0.5 * decision.before
    drops = [row.psnr_drop for row in decision.ranking]
    assert drops == sorted(drops)


def test_the_sensitive_block_alone_is_returned(decision, budget):
    assert [row.block for row in decision.returned] == [SENSITIVE]
    assert decision.drop == decision.returned[-1].psnr_drop == decision.ranking[0].psnr_drop <= budget


def test_the_plan_says_which_block_was_returned_and_why(decision, origin):
    plan = QuantPlan.of(decision.network, **origin)
    rows = [row for row in plan.excluded if row["why"] == EXCLUDED["budget"]]
    assert {"name": f"body.{SENSITIVE}", "operation": "conv2d", "why": EXCLUDED["budget"]} in rows
    assert f"body.{SENSITIVE}.weight" not in {tensor.name for tensor in plan.tensors}


def test_within_the_budget_nothing_is_returned(quantized_sensitive, sensitive, meter, decision):
    found = bring_within(quantized_sensitive, sensitive, meter, decision.before)
    assert found.network is quantized_sensitive
    assert (found.ranking, found.returned) == ((), ())
    assert found.before == found.drop == decision.before


def test_a_budget_that_cannot_be_met_has_numbers_and_a_way_out(quantized_sensitive, sensitive, validation):
    worse = Meter(sensitive, quantized_sensitive.prior, validation)
    worse.samples = [type(s)(s.image, s.z, s.clean, s.psnr + 5.0) for s in worse.samples]
    with pytest.raises(QualityError) as caught:
        bring_within(quantized_sensitive, sensitive, worse, 0.1)
    message = str(caught.value)
    before, floor = worse.drop(quantized_sensitive.body), worse.drop(sensitive.body)
    assert f"INT8 loses {before:.3f} dB of PSNR on four pairs (4 images), and 0.100 dB are allowed" in message
    assert f" dB with all {len(block_names(quantized_sensitive.body))} in float" in message
    assert 4.5 < floor < before
    assert "--qat MINUTES, a larger --max-psnr-drop" in message


def test_ranking_is_the_same_twice(quantized_sensitive, sensitive, meter, decision):
    assert tuple(rank(quantized_sensitive, sensitive, meter)) == decision.ranking


# the recipe


def test_the_recipe_is_the_same_byte_for_byte_and_complete(
    sensitive, images, validation, decision, budget, tmp_path
):
    said = []
    wanted = calibration(images, validation, max_psnr_drop=budget, cpu="vnni")
    made = calibrate_student(
        sensitive, wanted, weights="mine", weights_sha256="cd" * 32, progress=said.append
    )
    again = calibrate_student(sensitive, wanted, weights="mine", weights_sha256="cd" * 32)
    assert made.recipe.to_json() == again.recipe.to_json()
    assert made.plan.to_json() == again.plan.to_json()
    assert said[0] == f"INT8 loses {decision.before:.3f} dB of {budget:.3f} allowed: ranking blocks"
    recipe = json.loads(made.recipe.write(tmp_path).read_text())
    assert (tmp_path / RECIPE_FILE).name == "quantization-recipe.json"
    assert (recipe["weights"], recipe["weights_sha256"]) == ("mine", "cd" * 32)
    assert (recipe["calibration_sha256"], recipe["seed"]) == ("ab" * 32, 3)
    assert (recipe["max_psnr_drop"], recipe["psnr_drop_before"]) == (budget, decision.before)
    assert recipe["returned"] == [{"block": SENSITIVE, "psnr_drop": decision.drop}]
    assert recipe["psnr_drop"] == (pytest.approx(decision.drop, abs=budget) if said[1:] else decision.drop)
    assert recipe["flat_shift"] <= recipe["max_flat_shift"] <= 2
    assert bool(recipe["returned_for_flat"]) == bool(said[1:])
    assert len(recipe["ranking"]) == len(decision.ranking)
    assert (recipe["validation_source"], recipe["validation_images"]) == ("four pairs", 4)
    assert recipe["validation_sha256"] == validation.sha256
    assert (recipe["qat_minutes"], recipe["qat_steps"], recipe["cpu"]) == (None, 0, "vnni")
    assert f"{SENSITIVE} returned to float" in made.recipe.summary()


def test_without_clean_images_it_says_that_nothing_was_measured(student, images):
    made = calibrate_student(student, calibration(images, None), weights="mine", weights_sha256=None)
    recipe = json.loads(made.recipe.to_json())
    assert recipe["psnr_drop"] is recipe["psnr_drop_before"] is recipe["validation_source"] is None
    assert recipe["max_psnr_drop"] == MAX_PSNR_DROP
    assert made.recipe.summary().startswith(
        "quality drop not measured: there are no clean images; give pairs with --validation; "
        f"flat frames within {recipe['flat_shift']:.1f} levels"
    )


# an artifact


def test_an_artifact_has_the_returned_block_in_float_and_passes(budget, tmp_path):
    onnx = pytest.importorskip("onnx")
    from restorect_edge.export import ExportRequest, prepare

    for folder, found in (("input", photos(SHAPE)), ("target", clean(SHAPE))):
        (tmp_path / "val" / folder).mkdir(parents=True)
        for name, image in found.items():
            Image.fromarray(image).save(tmp_path / "val" / folder / f"{name}.png")
    request = ExportRequest(
        precision="int8",
        shapes=[SHAPE],
        num_calib=16,
        max_psnr_drop=budget,
        validation=tmp_path / "val",
        output_dir=tmp_path,
    )
    plan = prepare("lowlight-small", ["onnx"], request)
    make_sensitive(plan.jobs[0].source.require_student().body)
    artifact = plan.run()[0]
    recipe = json.loads((artifact.path / RECIPE_FILE).read_text())
    assert RECIPE_FILE in artifact.manifest.files
    assert recipe["returned"][0]["block"] == SENSITIVE
    graph = onnx.load(artifact.path / "model.onnx").graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    in_float = []
    for node in graph.node:
        sources = [made_by.get(name) for name in node.input[:2]]
        if node.op_type == "Conv" and not {s.op_type for s in sources if s} & {"DequantizeLinear"}:
            in_float.append(shapes[sources[1].input[0] if sources[1] else node.input[1]])
    floating = {row["block"] for row in (*recipe["returned"], *recipe["returned_for_flat"])}
    wide = [block for block in floating if block.startswith(("encode1.", "decode1."))]
    assert sum(shape == (24, 24, 3, 3) for shape in in_float) == len(wide)
    assert artifact.manifest.verification["status"] == "pass"
    assert artifact.manifest.verification["agreement"] > 50.0
