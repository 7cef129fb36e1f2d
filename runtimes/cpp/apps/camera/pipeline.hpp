// A GStreamer pipeline made from a description, with its errors as those of the library.
#pragma once

#include <string>

#include "gst.hpp"

namespace camera {

class Pipeline {
 public:
  /// Parse a description in the language of gst-launch-1.0. `option` is what the user gave it as.
  ///
  /// Throws UsageError: it cannot be parsed. MissingDependencyError: an element is not installed.
  Pipeline(std::string option, const std::string& description);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Return an element by name, or null.
  Owned<GstElement> element(const char* name) const;
  /// Change its state; returns whether it is live, which is known from PAUSED on. Throws as `check`.
  bool set_state(GstState state);
  /// Throw if an error was posted: UsageError, where the description asks for what cannot be;
  /// MissingDependencyError, where a plugin is; BackendError, where a device or file fails.
  void check();
  /// Whether an error was posted, after which no end comes.
  bool failed() const { return failed_; }
  /// Wait until everything was written; throws as `check`.
  void wait_for_end();

 private:
  void handle(GstMessage* message);
  [[noreturn]] void fail(GstMessage* message);

  std::string option_, missing_;
  Owned<GstElement> pipeline_;
  Owned<GstBus> bus_;
  bool ended_ = false, failed_ = false;
};

}  // namespace camera
