"""Fit exposure and colors anew to photographs, with a student's prior as it is: seconds, not minutes.

    python training/refit.py lowlight-small --data metered --clear photographs -o refitted.safetensors

What the prior makes of each thumbnail is computed once; what is learnt are the two linear layers that turn it
into exposure and colors, by the losses of `train prior`. Half of each batch are clear photographs, which are
to be left alone.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from restorect_edge.models import Student
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.prior import LEAST_ERROR, ThumbnailCache, log_brightness
from restorect_edge.training.prior_distill import load_student

Samples = tuple[Tensor, Tensor, Tensor]
"""What is seen (N, 3, S, S), z (N, Z, 1, 1) and what is wanted (N, 3, S, S)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and write weights with a small card beside them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="shipped weights by name, or a path")
    parser.add_argument("--data", type=Path, required=True, help="pairs, or photographs to degrade")
    parser.add_argument("--clear", type=Path, required=True, help="photographs to leave alone")
    parser.add_argument("--task", default="lowlight")
    parser.add_argument("--views", type=int, default=6, help="framings of each photograph")
    parser.add_argument("--patch", type=int, default=256, help="least side of a framing")
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep-colors", action="store_true", help="fit the exposure alone")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(arguments)
    student, facts = load_student(args.weights)
    student.eval().requires_grad_(False)
    config = PriorTraining(preset=facts["preset"], task=args.task, views=args.views, seed=args.seed)
    caches = [
        ThumbnailCache(open_source(folder, task=args.task, least=args.patch), student, config)
        for folder in (args.data, args.clear)
    ]
    clear = torch.cat([cache.clean for cache in caches])
    fit(student, samples(student, caches[0].degraded, caches[0].clean), samples(student, clear, clear), args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in student.state_dict().items()}
    save_file(state, args.output, metadata={"config": json.dumps({"preset": facts["preset"]})})
    card = {"preset": facts["preset"], "task": args.task, "begun_from": facts}
    args.output.with_suffix(".json").write_text(json.dumps(card))
    return 0


@torch.no_grad()
def samples(student: Student, view: Tensor, wanted: Tensor) -> Samples:
    """Return the tensors of a fit; views have ten channels, decomposition among them."""
    prior = student.prior
    z = [prior.generated(prior.encoded(v[:, :6], v[:, 6:9], v[:, 9:])) for v in torch.split(view, 64)]
    return view[:, :3], torch.cat(z), wanted[:, :3]


def fit(student: Student, degraded: Samples, clear: Samples, args: argparse.Namespace) -> None:
    """Learn the layers of exposure and color by Adam, from what they are, with a falling rate."""
    layers = (student.body.exposure, *([] if args.keep_colors else [student.body.colour]))
    learnt = [p.requires_grad_(True) for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.Adam(learnt, lr=3e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.iterations)
    generator = torch.Generator().manual_seed(args.seed)
    for step in range(args.iterations):
        parts = [drawn(part, generator) for part in (degraded, clear)]
        seen, z, wanted = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        exposed = student.body.exposed(seen, z)
        error = F.mse_loss(exposed, wanted, reduction="none").mean((1, 2, 3))
        brightness = (log_brightness(exposed) - log_brightness(wanted)).abs().mean()
        loss = 10.0 * torch.log10(error + LEAST_ERROR).mean() + 20.0 * brightness
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rate.step()
        if step % 250 == 0 or step + 1 == args.iterations:
            print(f"step {step + 1}, loss {loss.item():.3f}", file=sys.stderr)
    student.requires_grad_(False)


def drawn(part: Samples, generator: torch.Generator, count: int = 24) -> Samples:
    """Draw samples at random, with replacement."""
    index = torch.randint(len(part[1]), (count,), generator=generator)
    seen, z, wanted = (tensor[index] for tensor in part)
    return seen, z, wanted


if __name__ == "__main__":
    sys.exit(main())
