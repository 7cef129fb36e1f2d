// Frames as GStreamer maps them, and as the library takes them.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <restorect/frame.hpp>
#include <vector>

#include "gst.hpp"

namespace camera {

/// What sources are asked for, the preferred layout first.
extern const char* const kCaps;

/// Return what a frame of GStreamer is to the library, with the stride of its first plane.
///
/// Colours that the caps do not name are BT.709 from 720 rows on, else BT.601. Throws UsageError: a layout or
/// matrix that the library does not have.
restorect::FrameFormat format_of(const GstVideoInfo& info);

/// A frame to read: the strides and offsets are those of the buffer's GstVideoMeta, where it has one.
class MappedFrame {
 public:
  /// Throws BackendError: its memory cannot be read.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer);
  ~MappedFrame() { gst_video_frame_unmap(&mapped_); }
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  /// The frame where it lies; copied only where its planes do not follow one another.
  const restorect::Frame& frame() const { return frame_; }

 private:
  void join_planes();

  GstVideoFrame mapped_;
  restorect::Frame frame_;
  std::vector<std::uint8_t> copy_;
};

}  // namespace camera
