"""PyAV, imported when a video is opened."""

from typing import Any

from restorect_edge.utils.extras import imported

__all__ = ["pyav"]


def pyav() -> Any:
    """Return the module `av`.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return imported("av", "video", "video")
