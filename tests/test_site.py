"""The documentation's site: it builds without a warning, and needs nothing from elsewhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from restorect_edge.cli.verbs import VERBS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site's folder."""
    pytest.importorskip("material")
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", out],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    return out


def test_every_page_of_docs_has_a_place_in_the_menu(site):
    menu = (site / "index.html").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() in menu, page


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text())
        assert not [url for url in loaded if "canonical" not in url], page


def test_the_reference_has_every_verb_and_all_weights(site):
    commands = (site / "reference/commands.html").read_text()
    assert all(f'id="{verb}"' in commands for verb in VERBS)
    table = (site / "reference/weights.html").read_text()
    for card in (ROOT / "restorect_edge/weights").glob("*.json"):
        assert f'id="{json.loads(card.read_text())["name"]}"' in table


def test_links_within_the_site_lead_somewhere(site):
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its links are those of the site's root
            continue
        for target in re.findall(r'(?:href|src)="([^"#:]+?)(?:#[^"]*)?"', page.read_text()):
            assert (page.parent / target.partition("?")[0]).exists(), f"{page.relative_to(site)}: {target}"
