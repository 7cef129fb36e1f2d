// What runs the graphs; one of backend_*.cpp is built in.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "restorect/restorect.hpp"

namespace restorect {

using Shape = std::vector<std::size_t>;

/// An input by name, of float32 or, where `levels` is set, of uint8. The memory stays the caller's.
struct Feed {
  const char* name;
  const float* data;
  Shape shape;
  const std::uint8_t* levels = nullptr;
};

/// An output, valid until the session's next run: one of `data` and `levels` is set.
struct Output {
  const float* data;
  Shape shape;
  const std::uint8_t* levels = nullptr;
};

/// One native file, ready to run.
class Session {
 public:
  virtual ~Session() = default;
  /// Run it. Throws BackendError, or IncompatibleError: an input's shape does not fit.
  virtual Output run(const std::vector<Feed>& feeds) = 0;
  /// The next run is one of many with an image of this shape: a session may have, or make, something faster
  /// for it.
  virtual void settle(const Shape& /*image*/) {}
  virtual std::string provider() const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const std::string& device() const = 0;
  virtual std::unique_ptr<Session> open(const std::filesystem::path& file) = 0;
};

/// Return the back end that was built in, on the device asked for.
///
/// Throws BackendError: it is absent. UsageError: a bad number of threads.
std::unique_ptr<Backend> open_backend(const Options& options);

/// Its name, and the export targets whose files it runs, its own first.
const std::string& backend_name();
const std::vector<std::string>& backend_targets();

/// Return `asked`, or the first device where that is `auto`. Throws BackendError: it is not `present`.
std::string chosen_device(const std::string& asked, const std::vector<std::string>& present);

/// Whether the back end makes 8-bit arithmetic for the CPU, which saturates on x86 without VNNI.
bool backend_fuses();

/// Whether it runs graphs whose images are uint8, (1, H, W, 3).
bool backend_takes_levels();

}  // namespace restorect
