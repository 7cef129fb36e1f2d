"""PyAV, imported when a video is opened."""

from typing import Any

from restorect_edge.errors import MissingDependencyError

__all__ = ["pyav"]


def pyav() -> Any:
    """Return the module `av`.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("video", "video", detail=str(error)) from error
    return av
