import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from restorect_edge.errors import UsageError
from restorect_edge.models import build
from restorect_edge.models.flow import STEPS_ALLOWED
from restorect_edge.models.paper import PaperConfig, PaperStudent

TINY = PaperConfig(
    dim=8,
    blocks=(1, 1, 1, 1),
    refinement=1,
    heads=(1, 2, 2, 4),
    latent=16,
    encoder_blocks=1,
    decomposition=8,
)
SHORT = PaperConfig(
    dim=4, blocks=(1, 0, 0, 1), refinement=0, heads=(1, 1, 1, 2), latent=8, encoder_blocks=0, decomposition=4
)


@pytest.fixture
def student() -> PaperStudent:
    torch.manual_seed(0)
    return PaperStudent(TINY).deploy()


@pytest.fixture
def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.rand(1, 3, 24, 32)


@pytest.fixture(scope="module")
def full() -> PaperStudent:
    with torch.device("meta"):
        return build("paper").eval()


def gmacs(network: torch.nn.Module, *inputs: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return float(counter.get_total_flops()) / 2e9


def test_the_preset_has_the_papers_parameters(full: PaperStudent) -> None:
    def count(module: torch.nn.Module) -> float:
        return sum(p.numel() for p in module.parameters()) / 1e6

    assert count(full) == pytest.approx(26, rel=0.05)
    assert count(full.unet) == pytest.approx(23.55, rel=0.01)
    assert count(full.image_encoder) == pytest.approx(1.05, rel=0.01)
    assert count(full.retinex_encoder) == pytest.approx(1.23, rel=0.01)


def test_the_preset_has_the_papers_cost(full: PaperStudent) -> None:
    x, z = torch.empty(1, 3, 256, 256, device="meta"), torch.empty(1, 256, 1, 1, device="meta")
    encoders = gmacs(full.image_encoder, x) + gmacs(full.retinex_encoder, x, x[:, :1])
    assert gmacs(full, x) == pytest.approx(175, rel=0.01)
    assert gmacs(full.unet, x, z, z) == pytest.approx(163.7, rel=0.01)
    assert encoders == pytest.approx(9.93, rel=0.01)
    assert gmacs(full.decomposition, x) == pytest.approx(1.34, rel=0.01)


def test_the_preset_is_the_papers_network(full: PaperStudent) -> None:
    assert isinstance(full, PaperStudent)
    assert full.config == PaperConfig()
    assert full.multiple == 8


@pytest.mark.parametrize("size", [(8, 8), (16, 40)])
def test_an_image_keeps_its_shape(student: PaperStudent, size: tuple[int, int]) -> None:
    with torch.no_grad():
        restored = student(torch.rand(2, 3, *size))
    assert restored.shape == (2, 3, *size)


def test_only_evaluation_clamps(student: PaperStudent, image: torch.Tensor) -> None:
    with torch.no_grad():
        student.unet.leave.weight.mul_(100)
        free = student.train()(image)
        assert free.min() < 0
        assert free.max() > 1
        assert torch.equal(student.eval()(image), free.clamp(0, 1))


def test_the_same_image_gives_the_same_output(student: PaperStudent, image: torch.Tensor) -> None:
    torch.manual_seed(0)
    twin = PaperStudent(TINY).deploy()
    with torch.no_grad():
        restored = student(image)
        torch.manual_seed(7)
        assert torch.equal(student(image), restored)
        assert torch.equal(twin(image), restored)


def test_the_same_seed_builds_the_same_network() -> None:
    first, second = build("paper", seed=1).state_dict(), build("paper", seed=1).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert {"retinex_flow.noise", "image_flow.noise"} <= first.keys()


def test_an_image_does_not_depend_on_its_batch(student: PaperStudent) -> None:
    images = torch.rand(3, 3, 16, 24) * torch.tensor([0.1, 0.5, 1.0])[:, None, None, None]
    with torch.no_grad():
        alone = torch.cat([student(row[None]) for row in images])
        torch.testing.assert_close(student(images), alone, atol=1e-5, rtol=0)


def test_every_pixel_matters_everywhere(student: PaperStudent) -> None:
    x = torch.rand(1, 3, 16, 256)
    changed = x.clone()
    changed[..., :8] = 1 - changed[..., :8]
    with torch.no_grad():
        difference = (student(x) - student(changed)).abs().amax((0, 1, 2))
    assert (difference[-8:] > 0).all(), "a network with global statistics cannot be tiled"


def test_deploy_gives_a_copy_in_evaluation_mode(image: torch.Tensor) -> None:
    student = PaperStudent(TINY)
    deployed = student.deploy()
    assert (student.training, deployed.training) == (True, False)
    with torch.no_grad():
        before = deployed(image)
        for weight in student.parameters():
            weight.add_(1)
        assert torch.equal(deployed(image), before)


def test_latents_follow_the_number_of_steps(student: PaperStudent, image: torch.Tensor) -> None:
    assert student.steps == 4
    results = []
    for steps in STEPS_ALLOWED:
        student.set_steps(steps)
        with torch.no_grad():
            results.append(torch.cat(student.latents(image), 1))
    assert results[0].shape == (1, 2 * TINY.latent, 1, 1)
    assert all(not torch.equal(results[0], other) for other in results[1:])


def test_latents_are_the_rollouts_of_the_conditions(student: PaperStudent, image: torch.Tensor) -> None:
    with torch.no_grad():
        flows = student.retinex_flow, student.image_flow
        pairs = zip(student.latents(image), flows, student.conditions(image), strict=True)
        for result, flow, condition in pairs:
            z = flow.noise
            for t in (1.0, 0.75, 0.5, 0.25):
                z = z - 0.25 * flow.velocity(z, t, condition)
            torch.testing.assert_close(result, z)


@pytest.mark.parametrize("steps", [0, 3, -4, 16])
def test_other_steps_are_refused(student: PaperStudent, steps: int) -> None:
    with pytest.raises(UsageError, match=f"steps must be one of 1, 2, 4, 8, got {steps}"):
        student.set_steps(steps)
    with pytest.raises(UsageError, match=f"got {steps}"):
        PaperConfig(steps=steps)


def test_the_gradient_reaches_the_whole_student(image: torch.Tensor) -> None:
    torch.manual_seed(0)
    student = PaperStudent(TINY)
    student(image).square().mean().backward()
    without = [n for n, p in student.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_the_exported_program_equals_the_network(student: PaperStudent, image: torch.Tensor) -> None:
    program = torch.export.export(student, (image,)).module()
    other = torch.rand_like(image) * 0.2
    with torch.no_grad():
        for x in (image, other):
            torch.testing.assert_close(program(x), student(x), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_the_exported_program_can_have_any_size(image: torch.Tensor) -> None:
    student = PaperStudent(SHORT).deploy()
    sides = {axis: 8 * torch.export.Dim(name, min=2, max=512) for axis, name in ((2, "rows"), (3, "columns"))}
    program = torch.export.export(student, (image,), dynamic_shapes={"image": sides}).module()
    with torch.no_grad():
        for size in ((16, 16), (40, 24)):
            x = torch.rand(1, 3, *size)
            torch.testing.assert_close(program(x), student(x), atol=1e-5, rtol=0)
