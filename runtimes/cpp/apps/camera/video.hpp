// Frames as GStreamer maps them, and as the library takes them.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <optional>
#include <restorect/frame.hpp>
#include <vector>

#include "gst.hpp"

namespace camera {

/// Every layout of the library by GStreamer's name, separated by commas, the preferred one first.
extern const char* const kFormats;

/// Return what a frame of GStreamer is to the library, with the strides and offsets of its planes.
///
/// Colors that the caps do not name are those of `restorect::matrix_of`. Throws UsageError: a layout or
/// matrix that the library does not have, or odd sides where chroma is shared.
restorect::FrameFormat format_of(const GstVideoInfo& info);

/// The planes of a mapped frame, where they lie; a copy only where they are in several memories.
class Planes {
 public:
  /// `written`: what was written to a copy is taken over at the end.
  explicit Planes(GstVideoFrame& mapped, bool written = false);
  ~Planes();
  Planes(const Planes&) = delete;
  Planes& operator=(const Planes&) = delete;

  restorect::Frame frame() const { return {format_, data_, size_}; }
  restorect::FrameBuffer buffer() const { return {format_, data_, size_}; }

 private:
  void join();
  void copy(bool back);

  GstVideoFrame& mapped_;
  bool written_;
  restorect::FrameFormat format_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::uint8_t> copy_;
};

/// A frame to read: strides and offsets are those of the buffer's GstVideoMeta, where it has one.
class MappedFrame {
 public:
  /// Throws BackendError: its memory cannot be read.
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer);
  ~MappedFrame() { gst_video_frame_unmap(&mapped_); }
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  restorect::Frame frame() const { return planes_->frame(); }

 private:
  GstVideoFrame mapped_;
  std::optional<Planes> planes_;
};

}  // namespace camera
