// The command line, and what short names of sources and sinks stand for.
#pragma once

#include <optional>
#include <string>

namespace camera {

struct Size {
  int width, height;
};

struct Options {
  std::string artifact;
  std::string source = "/dev/video0";
  std::string sink = "display";
  std::optional<Size> size;
  int prior_every = 1;
  double smooth = 0;
  int tile = 0;
  std::string device = "auto";
  int threads = 0;
  int lanes = 0;
  bool overwrite = false;
};

/// Parse arguments; exits with 0 after --help. Throws UsageError.
Options parse(int& argc, char**& argv);

/// Return the pipeline description of a source: a device, a file, `csi` or `test`, or a description as it is.
///
/// Throws UsageError: a device or file that is not there.
std::string source_description(const Options& options);

/// Return that of a sink: a file, `display`, or a description as it is.
///
/// Throws UsageError: a file that exists or whose folder does not, or a kind of file that is not known.
/// MissingDependencyError: no encoder for it.
std::string sink_description(const Options& options);

/// Whether a source or sink names a file.
bool is_file(const std::string& text);

}  // namespace camera
