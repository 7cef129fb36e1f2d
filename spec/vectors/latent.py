"""The latent of a video, by definition."""

from typing import Any

__all__ = ["LATENTS", "latent"]

CUT = 0.5
DARKEST = 1 / 255

DUSK, DAY = [0.10, 0.08, 0.05], [0.50, 0.60, 0.70]


def _frame(levels: list[float], z: list[float], *, reset: bool = False) -> dict[str, Any]:
    return {"reset": reset, "levels": levels, "prior": z}


LATENTS: tuple[dict[str, Any], ...] = (
    {
        "name": "the latent goes towards its target by the share that is not kept",
        "prior_every": 1,
        "smooth": 0.75,
        "frames": [_frame(DUSK, z) for z in ([1.0, -2.0], [5.0, -2.0], [5.0, 2.0], [0.0, 0.0])],
    },
    {
        "name": "the prior runs every third frame, and frames between go towards what it gave",
        "prior_every": 3,
        "smooth": 0.5,
        "frames": [_frame(DUSK, [float(at), -float(at)]) for at in range(8)],
    },
    {
        "name": "a cut is taken at once, when the prior runs",
        "prior_every": 2,
        "smooth": 0.9,
        "frames": [_frame(DUSK if at < 3 else DAY, [0.1 if at < 3 else 7.0]) for at in range(7)],
    },
    {
        "name": "noise that comes and goes is no cut: the means alone tell",
        "prior_every": 1,
        "smooth": 0.5,
        "frames": [_frame([*DUSK] + [noise] * 3, [z]) for noise, z in ((0.0, 1.0), (0.9, 3.0), (0.01, 5.0))],
    },
    {
        "name": "a cut between dark scenes of equal noise is one: the deviations do not dilute it",
        "prior_every": 1,
        "smooth": 0.5,
        "frames": [
            _frame([level] * 3 + [0.2] * 3, [z]) for level, z in ((0.02, 1.0), (0.04, 3.0), (0.041, 5.0))
        ],
    },
    {
        "name": "one channel alone makes no cut, three together do",
        "prior_every": 1,
        "smooth": 0.25,
        "frames": [
            _frame(levels, [z])
            for levels, z in (([0.2, 0.2, 0.2], 1.0), ([0.35, 0.2, 0.2], 3.0), ([0.6, 0.45, 0.4], 5.0))
        ],
    },
    {
        "name": "levels below one of 255 count little",
        "prior_every": 1,
        "smooth": 0.5,
        "frames": [_frame([level] * 3, [z]) for level, z in ((0.0, 1.0), (0.0015, 3.0), (0.006, 5.0))],
    },
    {
        "name": "after a reset the next frame's own latent counts",
        "prior_every": 4,
        "smooth": 0.5,
        "frames": [_frame(DUSK, [float(at)], reset=at == 2) for at in range(7)],
    },
    {
        "name": "without smoothing the last target is held",
        "prior_every": 2,
        "smooth": 0.0,
        "frames": [_frame(DUSK, [float(at)]) for at in range(4)],
    },
)


def latent(case: dict[str, Any]) -> dict[str, Any]:
    """Return the case with what each frame is restored by, and the counts after it."""
    smooth, frames = case["smooth"], []
    before: list[float] = []
    z: list[float] = []
    target: list[float] = []
    priors = cuts = since = 0
    for frame in case["frames"]:
        if frame["reset"]:
            before, z, target = [], [], []
        if not target or since == case["prior_every"]:
            if before and _changed(before, frame["levels"]) >= CUT:
                cuts, z = cuts + 1, []
            before, target, since, priors = frame["levels"], frame["prior"], 0, priors + 1
        since += 1
        z = [smooth * a + (1 - smooth) * b for a, b in zip(z, target, strict=True)] if z else target
        frames.append({**frame, "z": z, "priors": priors, "cuts": cuts})
    return {**case, "frames": frames}


def _changed(before: list[float], after: list[float]) -> float:
    """Return the mean absolute difference of the three mean channels over their mean level."""
    pairs = list(zip(before[:3], after[:3], strict=True))
    level = sum(a + b for a, b in pairs) / 6
    found = sum(abs(b - a) for a, b in pairs) / 3 / max(level, DARKEST)
    if abs(found / CUT - 1) < 0.02:
        raise ValueError(f"{before} and {after} differ by {found}, too near to the threshold to be a vector")
    return found
