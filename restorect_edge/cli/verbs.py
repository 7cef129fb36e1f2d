"""The console script ``restorect-edge VERB``: each verb is also ``python -m restorect_edge.VERB``."""

import importlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.targets.registry import labels
from restorect_edge.utils.options import argument

__all__ = ["VERBS", "Verb", "main", "parser"]


@dataclass(frozen=True, slots=True)
class Verb:
    """A row of the table of verbs."""

    module: str
    """Has ``main(argv)``, and is imported only when the verb is used."""
    summary: str


VERBS = {
    "export": Verb("restorect_edge.cli.export", f"make a verified artifact for {labels('or')}"),
    "verify": Verb("restorect_edge.cli.verify", "run an artifact and compare it with its network"),
    "run": Verb("restorect_edge.cli.run", "restore photographs, one or whole folders"),
    "evaluate": Verb("restorect_edge.cli.evaluate", "score on pairs of degraded and clean images"),
    "inspect": Verb("restorect_edge.cli.inspect", "show what an artifact is, and its input and output"),
    "doctor": Verb("restorect_edge.cli.doctor", "show what runs on this machine, and what the rest needs"),
    "calibrate": Verb("restorect_edge.cli.calibrate", "quantize a student to INT8 and write the plan"),
    "drift": Verb("restorect_edge.cli.drift", "show how far INT8 takes each module from its float form"),
    "bench": Verb("restorect_edge.cli.bench", "measure latency, with the conditions it depends on"),
    "train": Verb("restorect_edge.cli.train", "train an edge student on image pairs"),
}

EXAMPLES = """  restorect-edge doctor
  restorect-edge export --target openvino
  restorect-edge run dark.jpg
  restorect-edge export --help

verbs:
""" + "\n".join(f"  {name:<10} {verb.summary}" for name, verb in VERBS.items())


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is typed after ``restorect-edge``."""

    verb: str | None = argument(None, metavar="VERB", more="VERB --help says more")
    """One of the verbs below."""
    arguments: tuple[str, ...] = argument((), metavar="...", rest=True)
    """The verb's own arguments."""


def parser() -> Parser:
    """Return the parser of the verb; what follows the verb is the verb's own."""
    p = Parser("", "Restore dark photographs on phones, Jetsons and PCs.", EXAMPLES, Words, config=())
    p.add_argument(
        "--version", action="version", version=f"restorect-edge {metadata.version('restorect-edge')}"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit code."""
    return run(_dispatch, parser(), argv)


def _dispatch(args: Words) -> int:
    if args.verb is None:
        raise UsageError(f"no verb; choose {', '.join(VERBS)}, or see: restorect-edge --help")
    if args.verb not in VERBS:
        if Path(args.verb).exists():
            words = shlex.join([args.verb, *args.arguments])
            raise UsageError(f"'{args.verb}' is no verb; to restore it: restorect-edge run {words}")
        raise unknown_name("verb", args.verb, VERBS)
    code: int = importlib.import_module(VERBS[args.verb].module).main(args.arguments)
    return code
