"""Wide networks that begin as narrow ones."""

import pytest
import torch

from restorect_edge.models import Student, StudentConfig, build
from restorect_edge.models.widen import fits, widened
from restorect_edge.weights import locate


def narrow_and_wide():
    narrow, wide = Student(StudentConfig(widths=(4, 6, 8))), Student(StudentConfig(widths=(7, 9, 12)))
    with torch.no_grad():
        for parameter in narrow.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return narrow.eval(), wide.eval()


def test_the_function_is_kept():
    torch.manual_seed(0)
    narrow, wide = narrow_and_wide()
    image = torch.rand(2, 3, 32, 40)
    before = wide(image)
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    torch.testing.assert_close(wide(image), narrow(image), atol=2e-5, rtol=0)
    assert (before - narrow(image)).abs().max() > 1e-2


def test_the_added_channels_learn():
    narrow, wide = narrow_and_wide()
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    wide.train()
    wide(torch.rand(1, 3, 32, 32)).square().mean().backward()
    gradient = wide.body.leave.conv3.weight.grad
    assert gradient[:, 4:].abs().sum() > 0


def test_base_begins_as_the_shipped_small():
    from restorect_edge.training.engine import checkpoint

    small, base = build("small"), build("base", seed=1)
    small.load_state_dict(checkpoint.read(locate("lowlight-small")))
    base.load_state_dict(widened(small.state_dict(), base.state_dict()))
    image = 0.1 * torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(base.eval()(image), small.eval()(image), atol=5e-5, rtol=0)


@pytest.mark.parametrize(("narrow", "wide"), [("base", "small"), ("nano", "small")])
def test_what_does_not_fit(narrow, wide):
    assert not fits(build(narrow).state_dict(), build(wide).state_dict())
    assert fits(build(wide).state_dict(), build(wide).state_dict())
