"""Make the corpus that every reader of manifests is tested with: what is right for each case.

    python spec/make_corpus.py [-o DIR]

To be run again whenever the manifest changes; the suite says so. `README.md` says what the files are.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import FILES, FOLDERS, LARGEST_BYTES, newer, not_manifests, valid
from damaged import BEYOND_SCHEMA, damaged

HERE = Path(__file__).parent


def main() -> int:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "manifests", help="folder (%(default)s)")
    folder: Path = parser.parse_args().output
    for old in ("artifact", "valid", "invalid"):
        shutil.rmtree(folder / old, ignore_errors=True)
    for name, content in FILES.items():
        path = folder / "artifact" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    changes = [dict(zip(("name", "change", "path", "kind"), row, strict=True)) for row in FOLDERS]
    index = {"manifests": _documents(folder), "folders": changes}
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(index['manifests'])} manifests, {len(FOLDERS)} folders\n")
    return 0


def _documents(folder: Path) -> list[dict[str, Any]]:
    rows = [*_written(folder, "valid", "valid", valid())]
    for kind, cases in (("not a manifest", not_manifests()), ("newer", newer()), ("damaged", damaged())):
        rows += _written(folder, "invalid", kind, cases)
    # Padded with spaces by the tests: files of a megabyte would be of no use to anyone.
    for kind, size in (("valid", LARGEST_BYTES), ("not a manifest", LARGEST_BYTES + 1)):
        rows.append({"file": "valid/whole.json", "kind": kind, "reason": f"{size} bytes", "padded_to": size})
    return rows


def _written(
    folder: Path, where: str, kind: str, cases: Iterator[tuple[str, str, str | bytes]]
) -> Iterator[dict[str, Any]]:
    (folder / where).mkdir(parents=True, exist_ok=True)
    for name, reason, content in cases:
        file = folder / where / f"{name}.json"
        if file.exists():
            raise FileExistsError(f"two cases are called {name}")
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        beyond = {"beyond_schema": True} if name in BEYOND_SCHEMA else {}
        yield {"file": f"{where}/{name}.json", "kind": kind, "reason": reason, **beyond}


if __name__ == "__main__":
    sys.exit(main())
