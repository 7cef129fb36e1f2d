// Where restored frames go.
#pragma once

#include <gst/video/video.h>

#include <csignal>
#include <optional>
#include <restorect/frame.hpp>

#include "options.hpp"
#include "pipeline.hpp"

namespace camera {

/// A frame to fill, with its place in time.
struct NewFrame {
  Owned<GstBuffer> buffer;
  restorect::FrameFormat format;
};

class Sink {
 public:
  /// Throws as Pipeline, and as `sink_description`.
  explicit Sink(const Options& options);

  /// Return an empty frame `scale` times as large as one of the source, and with its format, colours and
  /// rate. The first one decides for all. Throws BackendError: the source's frames changed.
  NewFrame frame(const GstVideoInfo& source, int scale);
  /// Hand a frame on, to be shown or written. `time` and `duration` are the source's; the first frame is
  /// at zero. Waits while the sink is behind, unless `stop` is set. Throws as Pipeline.
  void push(NewFrame frame, GstClockTime time, GstClockTime duration, const volatile std::sig_atomic_t& stop);
  /// Complete what is written, and stop; does nothing a second time. Throws as Pipeline.
  void finish();

 private:
  void start(const GstVideoInfo& source, int scale);

  Pipeline pipeline_;
  Owned<GstElement> frames_;
  std::optional<GstVideoInfo> source_, info_;
  std::string file_;
  GstClockTime start_ = GST_CLOCK_TIME_NONE;
  std::uint64_t count_ = 0;
};

}  // namespace camera
