"""Pages that the site has besides those in docs/: the reference made from the code, and the repository's own.

MkDocs calls the functions named ``on_…``. Pages of the repository outside ``docs/`` appear under ``project/``
by their path; a link to a file that has no page becomes plain code, so that none leads nowhere.
"""

import dataclasses
import importlib
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from restorect_edge.cli import compare
from restorect_edge.cli.verbs import VERBS
from restorect_edge.utils.options import options
from restorect_edge.weights import card, locate, names

ROOT = Path(__file__).parents[2]
PROJECT = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "calibration/README.md",
    "export/README.md",
    "runtimes/README.md",
    "runtimes/jetson/README.md",
    "spec/README.md",
    "training/README.md",
]
"""The repository's own pages that the site has."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the reference made from the code, and the project's own pages."""
    made = {"reference/commands.md": commands(), "reference/weights.md": weights()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    for path in PROJECT:
        files.append(File.generated(config, f"project/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Let links to the repository's files lead to their pages."""
    here = page.file.src_uri
    inside = not here.startswith("project/")
    source = posixpath.dirname(f"docs/{here}" if inside else here.removeprefix("project/"))

    def resolved(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        path, _, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(source, path))
        uri = file.removeprefix("docs/") if file.startswith("docs/") else f"project/{file}"
        if files.get_file_from_path(uri) is None:
            return text if image else f"{text} (`{file}`)"
        there = posixpath.relpath(uri, posixpath.dirname(here) or ".")
        return f"{image}[{text}]({there}{'#' + anchor if anchor else ''})"

    return LINK.sub(resolved, markdown)


def commands() -> str:
    """Return the page of all verbs, made of the dataclasses of their options."""
    parts = [
        "# Command line\n\nEvery verb is `restorect-edge VERB` and `python -m restorect_edge.VERB`; "
        "`VERB --help` prints what stands here. Every option is also a key of the TOML file of "
        "`--config FILE`, with `_` for `-`; what is given on the command line wins. `--print-config` prints "
        "such a file with all of them. Exit codes: [errors](errors.md).\n"
    ]
    modules = {**{name: verb.module for name, verb in VERBS.items()}, "bench compare": compare.__name__}
    for name, module in modules.items():
        p = importlib.import_module(module).parser()
        parts.append(f"## {name}\n\n{p.description}\n\n```text\n{p.epilog}```\n")
        parts += [_table(f"{name} {kind}".strip(), cls) for kind, cls in p.kinds.items()]
    return "\n".join(parts)


def _table(name: str, cls: type) -> str:
    """Return the table of the options of a verb."""
    rows = [f"### Options of {name}\n", "| option | value | default | meaning |", "|---|---|---|---|"]
    for o in options(cls):
        flags = ", ".join(f"`{flag}`" for flag in o.flags) or f"`{o.metavar or o.name}`"
        unset = o.default is None or o.default is False or o.default == ()
        default = f"`{o.shown(o.default)}`" if not unset else ""
        kind = "" if o.kind is bool else " or ".join(map(str, o.choices)) or o.kind.__name__.lower()
        cells = (
            flags,
            kind + (" …" if o.count else ""),
            "required" if o.default is dataclasses.MISSING else default,
            "; ".join(filter(None, (o.meaning, o.addition))),
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def weights() -> str:
    """Return the table of the shipped weights by their cards, and each card whole."""
    cards = [card(locate(name)) for name in names()]
    rows = [
        "# Weights\n\nThe shipped weights by their cards, which lie beside them in the package. PSNR by "
        "protocol `standard` on the pairs named in the card. \\*: of the development run; the shipped "
        "weights have trained on those pairs too.\n",
        "| weights | task | parameters | GMACs at 600×400 | PSNR | with GT-mean | license |",
        "|---|---|---|---|---|---|---|",
    ]
    for found in cards:
        score = found.get("validation", {})
        of_development = " *" if "final_run" in found else ""
        values = [
            f"[`{found['name']}`](#{found['name']})",
            found.get("task", ""),
            f"{found['parameters']:,}",
            found.get("gmacs_600x400", ""),
            _decibels(score.get("psnr")) + of_development,
            _decibels(score.get("psnr_gt_mean")) + of_development,
            found.get("license", ""),
        ]
        rows.append("| " + " | ".join(str(value) for value in values) + " |")
    for found in cards:
        shown = json.dumps(found, indent=2, ensure_ascii=False)
        rows += [f"\n## {found['name']}\n", f"```json\n{shown}\n```"]
    return "\n".join(rows) + "\n"


def _decibels(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f} dB"
