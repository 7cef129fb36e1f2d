import pytest
import torch

from restorect_edge.models.flow import STEPS_ALLOWED, LatentFlow

steps_allowed = pytest.mark.parametrize("steps", STEPS_ALLOWED)


def zeroed(dim: int = 5, hidden: int = 7) -> LatentFlow:
    flow = LatentFlow(dim, hidden)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.zero_()
    return flow


def test_the_allowed_steps() -> None:
    assert STEPS_ALLOWED == (1, 2, 4, 8)


@steps_allowed
def test_a_constant_velocity_is_integrated_exactly(steps: int) -> None:
    flow, velocity = zeroed(), torch.randn(5)
    with torch.no_grad():
        assert flow.out.bias is not None
        flow.out.bias.copy_(velocity)
    z = flow(torch.randn(3, 5, 1, 1), steps)
    assert z.shape == (3, 5, 1, 1)
    expected = (flow.noise - velocity[None, :, None, None]).expand(3, -1, -1, -1)
    torch.testing.assert_close(z, expected, atol=1e-6, rtol=1e-6)


@steps_allowed
def test_the_straight_path_to_the_condition_is_integrated_exactly(steps: int) -> None:
    # On the path from ε to z the velocity is ε − z: with z = the condition, linear in the inputs.
    class Straight(LatentFlow):
        def velocity(self, z: torch.Tensor, t: float | torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            torch.testing.assert_close(z, (1 - t) * condition + t * self.noise)
            return self.noise - condition

    condition = torch.randn(2, 5, 1, 1)
    torch.testing.assert_close(Straight(5, 7)(condition, steps), condition, atol=1e-6, rtol=1e-6)


@steps_allowed
def test_a_fresh_flow_leads_straight_to_its_condition(steps: int) -> None:
    flow, condition = LatentFlow(5, 12), torch.randn(3, 5, 1, 1)
    torch.testing.assert_close(flow(condition, steps), condition, atol=1e-5, rtol=1e-5)


def test_a_narrow_flow_begins_with_random_weights() -> None:
    flow, condition = LatentFlow(5, 9), torch.randn(3, 5, 1, 1)
    assert not torch.allclose(flow(condition, 4), condition, atol=0.1)


@steps_allowed
def test_times_run_from_one_to_one_nth(steps: int) -> None:
    flow = zeroed()
    with torch.no_grad():
        flow.from_time.fill_(1.0)
        flow.out.weight.fill_(1 / 7)
    z = flow(torch.randn(1, 5, 1, 1), steps)
    mean_of_times = (steps + 1) / (2 * steps)
    torch.testing.assert_close(z, flow.noise - mean_of_times, atol=1e-6, rtol=1e-6)


@steps_allowed
def test_the_gradient_of_the_rollout_reaches_velocity_and_condition(steps: int) -> None:
    torch.manual_seed(0)
    flow = LatentFlow(6, 16)
    condition = torch.randn(2, 6, 1, 1, requires_grad=True)
    flow(condition, steps).square().sum().backward()
    assert condition.grad is not None
    assert condition.grad.any()
    without = [n for n, p in flow.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_the_gradient_passes_through_every_step() -> None:
    torch.manual_seed(0)
    flow = LatentFlow(6, 16).double()
    condition = torch.randn(1, 6, 1, 1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda c: flow(c, 4), condition.requires_grad_())


def test_velocity_takes_a_time_per_image() -> None:
    torch.manual_seed(0)
    flow = LatentFlow(6, 16)
    z, condition = torch.randn(2, 2, 6, 1, 1).unbind()
    both = flow.velocity(z, torch.tensor([0.25, 1.0]).reshape(2, 1, 1, 1), condition)
    for row, t in enumerate((0.25, 1.0)):
        torch.testing.assert_close(both[row], flow.velocity(z, t, condition)[row])


def test_the_start_is_stored_and_not_trained() -> None:
    flow = LatentFlow(6, 16)
    assert "noise" in flow.state_dict()
    assert "noise" not in dict(flow.named_parameters())
    other = LatentFlow(6, 16)
    condition = torch.randn(1, 6, 1, 1)
    assert not torch.equal(flow(condition, 4), other(condition, 4))
    other.load_state_dict(flow.state_dict())
    assert torch.equal(flow(condition, 4), other(condition, 4))


@steps_allowed
def test_a_latent_does_not_depend_on_the_batch(steps: int) -> None:
    flow = LatentFlow(6, 16)
    conditions = torch.randn(3, 6, 1, 1)
    rows = torch.cat([flow(row[None], steps) for row in conditions])
    torch.testing.assert_close(flow(conditions, steps), rows, atol=1e-6, rtol=1e-6)
