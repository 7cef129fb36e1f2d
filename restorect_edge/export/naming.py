"""What a network of one's own may be called: the name becomes part of a folder's, on any system."""

import re

from restorect_edge.errors import UsageError

__all__ = ["check_name"]

LONGEST = 100
"""Letters of a name; target, precision and sizes follow it in the folder's name."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any suffix."""
_SIGNS = re.compile(r"[/\\:*?\"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_name(name: str) -> None:
    """Raise `UsageError` for a name that leaves its folder, hides in it, or that some system cannot have."""
    if not isinstance(name, str) or not name.strip():
        fault = "is empty"
    elif len(name) > LONGEST:
        fault = f"has {len(name)} letters, at most {LONGEST} are allowed"
    elif found := _SIGNS.search(name):
        fault = f"has {found[0]!r}, which is no part of a folder's name on every system"
    elif name[0] in ".-~ " or name[-1] in ". ":
        fault = "begins or ends with a dot, a dash or a space"
    elif _RESERVED.fullmatch(name):
        fault = "is reserved on Windows"
    else:
        return
    raise UsageError(f"the name {str(name)[:LONGEST]!r} {fault}: choose one such as 'my-network_2'")
