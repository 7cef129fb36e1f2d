// Frames as GStreamer maps them, and as the library takes them.
#pragma once

#include <gst/video/video.h>

#include <array>
#include <cstdint>
#include <restorect/frame.hpp>
#include <vector>

#include "gst.hpp"

namespace camera {

/// Every layout of the library by GStreamer's name, separated by commas, the preferred one first.
extern const char* const kFormats;

/// Return what a frame of GStreamer is to the library, with the strides and offsets of its planes.
///
/// Colors that the caps do not name are BT.709 from 720 rows on, else BT.601. Throws UsageError: a layout or
/// matrix that the library does not have, or odd sides where chroma is shared.
restorect::FrameFormat format_of(const GstVideoInfo& info);

/// A frame to read or to write: strides and offsets are those of the buffer's GstVideoMeta, where it has one.
class MappedFrame {
 public:
  /// Throws BackendError: its memory cannot be accessed.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, GstMapFlags flags = GST_MAP_READ);
  /// Of a frame to write, what was written to a copy is taken over.
  ~MappedFrame();
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  /// The frame where it lies; a copy only where its planes are in several memories.
  restorect::Frame frame() const { return {format_, data_, size_}; }
  /// As `frame`, of one that was mapped for writing.
  restorect::FrameBuffer buffer() const { return {format_, data_, size_}; }

 private:
  void join_planes();
  void copy_planes(bool back);

  GstVideoFrame mapped_;
  bool written_;
  restorect::FrameFormat format_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::uint8_t> copy_;
};

}  // namespace camera
