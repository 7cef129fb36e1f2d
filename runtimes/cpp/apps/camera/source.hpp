// Where frames come from.
#pragma once

#include <atomic>
#include <optional>

#include "options.hpp"
#include "pipeline.hpp"

namespace camera {

class Source {
 public:
  /// Start it. Throws as Pipeline.
  explicit Source(const Options& options);

  /// Return the next frame, in order; null where none came within a twentieth of a second. Throws as
  /// Pipeline.
  Owned<GstSample> next();
  /// Whether the last frame was given. Throws as Pipeline.
  bool ended();
  /// Whether it gives frames at its own pace; those that come too fast are then dropped, the oldest first.
  bool live() const { return live_; }
  /// How many frames it made.
  int made() const { return made_; }

 private:
  std::atomic<int> made_{0};
  Pipeline pipeline_;
  Owned<GstElement> frames_;
  bool live_ = false;
};

}  // namespace camera
