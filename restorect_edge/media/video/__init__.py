"""Video files and cameras through PyAV: decoded, restored frame by frame, and written with their other
tracks."""

from restorect_edge.media.video.camera import restore_camera
from restorect_edge.media.video.options import SUFFIXES, VideoOptions, check_destination
from restorect_edge.media.video.restoring import Summary, restore_video

__all__ = ["SUFFIXES", "Summary", "VideoOptions", "check_destination", "restore_camera", "restore_video"]
