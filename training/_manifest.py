"""The list of photographs: what there is, in which package, and under which license."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import IncompatibleError, UsageError, unknown_name

__all__ = ["MANIFEST", "Manifest", "Package", "Photograph", "read_manifest"]

MANIFEST = Path(__file__).with_name("open-photographs.json")
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What photographs come in."""

    name: str
    kind: str
    """``apt``, ``pip``, or ``folder``: files that the user has."""
    version: str
    """In which the photographs were found; any other will do whose files have the same hashes."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """One entry of the manifest."""

    name: str
    """Stem of the file that is written."""
    package: str
    path: str
    """In the package. In a folder: what the stem of the file ends with."""
    author: str
    license: str
    """SPDX identifier."""
    source: str
    """Where the package says that license and author are from."""
    sha256: str
    """Of the original file, or of its decoded RGB bytes if `of` says ``pixels``."""
    member: str = ""
    """Path in the Qt resource file that `path` is."""
    of: str = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The photographs, what they come in, and which licenses are of which kind."""

    terms: Mapping[str, tuple[str, ...]]
    packages: Mapping[str, Package]
    photographs: tuple[Photograph, ...]

    def under(self, terms: Sequence[str]) -> list[Photograph]:
        """Return the photographs whose license is of one of these kinds.

        Raises:
            UsageError: there is no such kind.
        """
        for name in terms:
            if name not in self.terms:
                raise unknown_name("kind of terms", name, self.terms)
        licenses = {license for name in terms for license in self.terms[name]}
        return [photograph for photograph in self.photographs if photograph.license in licenses]


def read_manifest(path: Path = MANIFEST) -> Manifest:
    """Read a manifest.

    Raises:
        UsageError: no such file.
        IncompatibleError: not a manifest, or of another schema.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise IncompatibleError(f"'{path}' has schema {content['schema']}; this script reads {SCHEMA}")
        return Manifest(
            terms={name: tuple(licenses) for name, licenses in content["terms"].items()},
            packages={name: Package(name=name, **of) for name, of in content["packages"].items()},
            photographs=tuple(Photograph(**entry) for entry in content["photographs"]),
        )
    except FileNotFoundError as error:
        raise UsageError(f"no manifest at '{path}'") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IncompatibleError(f"'{path}' is no manifest of photographs: {error!r}") from error
