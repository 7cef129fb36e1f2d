"""Which precision to keep, decided on what was measured: data in, verdicts out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from restorect_edge.bench.measure.statistics import Interval
from restorect_edge.bench.measure.timing import Timing
from restorect_edge.errors import QualityError

__all__ = ["Candidate", "choose", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One precision of a network for one target, as it was tried."""

    precision: str
    size: int | None = None
    """Of the native files, in bytes; None where none were made."""
    psnr: float | None = None
    """Against the float32 network, of the worst image, in dB."""
    psnr_drop: float | None = None
    """Mean loss of PSNR against clean images, in dB; None where there are none."""
    timing: Timing | None = None
    """None where it was not timed."""
    failure: str = ""
    """Why it could not be made, or fell short of its gate."""
    verdict: str = ""
    """Kept or rejected, and why; empty until decided."""
    kept: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as JSON-able values, times in ms."""
        ms = self.timing.ms if self.timing else None
        return {
            "precision": self.precision,
            "bytes": self.size,
            "ms_median": ms.value if ms else None,
            "ms_low": ms.low if ms else None,
            "ms_high": ms.high if ms else None,
            "rounds": len(self.timing.samples) if self.timing else 0,
            "psnr": self.psnr,
            "psnr_drop": self.psnr_drop,
            "kept": self.kept,
            "verdict": self.verdict,
        }


def choose(
    tried: Sequence[Candidate], *, usual: str, max_psnr_drop: float, untimed: str = ""
) -> list[Candidate]:
    """Decide which candidate to keep, and return all with their verdicts, the kept one marked.

    Of those inside their gate and the budget, the most faithful is kept that no other is measurably faster
    than: see `Timing.faster_than`. Where nothing was timed, the usual precision is kept, or else the most
    faithful: INT8 has to prove that it is faster.

    Args:
        tried: at least one.
        usual: the precision that the target computes in.
        max_psnr_drop: the most that INT8 may cost, in dB.
        untimed: why nothing was timed; empty where everything was.

    Raises:
        QualityError: none can be kept; the message has the reason for each.
    """
    faults = {c.precision: _fault(c, max_psnr_drop) for c in tried}
    # the most faithful first: what is faster has to beat it
    sound = sorted((c for c in tried if not faults[c.precision]), key=lambda c: -(c.psnr or 0.0))
    # INT8 costs quality, so that it has to prove what it gains
    if untimed:
        sound = [c for c in sound if c.precision != "int8"]
    if not sound:
        told = "; ".join(f"{name}: {fault or untimed}" for name, fault in faults.items())
        raise QualityError(f"no precision can be kept: {told}")
    kept = _usual(sound, usual) if untimed else _measured(sound)
    verdicts = {
        c.precision: faults[c.precision]
        or (_unmeasured(c, kept, usual) if untimed else _verdict(c, kept, sound))
        for c in tried
    }
    return [
        replace(c, kept=c is kept, verdict=f"{'kept' if c is kept else 'rejected'}: {verdicts[c.precision]}")
        for c in tried
    ]


def table(tried: Sequence[Candidate], untimed: str = "") -> list[str]:
    """Return the candidates as lines of text, with a heading, and at last why nothing was timed.

    Args:
        tried: as `choose` returns them.
        untimed: why nothing was timed; empty where everything was.
    """
    lines = [f"{'':10}{'size':>10}{'median, 95 %':>26}{'PSNR':>10}{'drop':>11}  verdict"]
    for c in tried:
        size = f"{c.size / 1e6:.2f} MB" if c.size is not None else "-"
        speed = _speed(c.timing.ms) if c.timing else "-"
        psnr = f"{c.psnr:.1f} dB" if c.psnr is not None else "-"
        drop = f"{c.psnr_drop:+.3f} dB" if c.psnr_drop is not None else "-"
        lines.append(f"{c.precision:10}{size:>10}{speed:>26}{psnr:>10}{drop:>11}  {c.verdict}")
    return [*lines, f"speed not measured: {untimed}"] if untimed else lines


def _fault(candidate: Candidate, max_psnr_drop: float) -> str:
    if candidate.failure:
        return candidate.failure
    drop = candidate.psnr_drop
    if candidate.precision == "int8" and drop is not None and drop > max_psnr_drop:
        return f"costs {drop:.3f} dB, {max_psnr_drop:.3f} dB are allowed"
    return ""


def _measured(sound: Sequence[Candidate]) -> Candidate:
    """Return the most faithful that no other is measurably faster than; there is always one."""
    return next(c for c in sound if not any(_faster(other, c) for other in sound))


def _usual(sound: Sequence[Candidate], usual: str) -> Candidate:
    return next((c for c in sound if c.precision == usual), sound[0])


def _unmeasured(candidate: Candidate, kept: Candidate, usual: str) -> str:
    merit = "what the target computes in" if kept.precision == usual else "more faithful"
    if candidate is kept:
        reason = merit.replace("more", "the most")
    elif candidate.precision == "int8":
        reason = "INT8 has to prove that it is faster"
    else:
        reason = f"{kept.precision} is {merit}"
    return f"{reason}; speed not measured"


def _verdict(candidate: Candidate, kept: Candidate, sound: Sequence[Candidate]) -> str:
    if candidate is kept:
        return _merit(kept, sound[0])
    faster = [other.precision for other in sound if _faster(other, candidate)]
    if faster:
        return f"slower than {faster[-1]}"
    return f"not measurably faster than {kept.precision}, which is more faithful"


def _merit(kept: Candidate, faithful: Candidate) -> str:
    if kept.timing is None or faithful.timing is None or kept is faithful:
        return "the most faithful, and no other is measurably faster"
    ratio = kept.timing.speed_up(faithful.timing)
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) times as fast as {faithful.precision}"


def _faster(one: Candidate, other: Candidate) -> bool:
    return one.timing is not None and other.timing is not None and one.timing.faster_than(other.timing)


def _speed(ms: Interval) -> str:
    return f"{ms.value:.1f} ms, {ms.low:.1f}-{ms.high:.1f}"
