// Artifacts for the tests, exported by whoever runs them, and frames.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "restorect/restorect.hpp"

namespace support {

using Bytes = std::vector<std::uint8_t>;

/// Path of an artifact, by environment variable: RESTORECT_SPLIT has free sides, RESTORECT_WHOLE 64×96 alone.
inline std::string artifact(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr) throw std::runtime_error(std::string("set ") + variable + " to an artifact");
  return path;
}

/// A copy of an artifact that a test may spoil; removed at the end.
class Copy {
 public:
  explicit Copy(const std::filesystem::path& source = artifact("RESTORECT_SPLIT")) {
    std::string name = (std::filesystem::temp_directory_path() / "restorect-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
    std::filesystem::copy(source, path_, std::filesystem::copy_options::recursive);
  }
  ~Copy() { std::filesystem::remove_all(path_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Bytes that look like nothing in particular, the same in every run.
inline Bytes noise(std::size_t size, unsigned seed = 1) {
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes)
    byte = static_cast<std::uint8_t>((seed = seed * 1664525U + 1013904223U) >> 26);
  return bytes;
}

/// Restore a packed RGB picture.
template <typename Restore, typename... More>
Bytes restored(Restore& restore, const Bytes& rgb, int width, int height, More... more) {
  const restorect::FrameFormat format{restorect::Layout::rgb, width, height};
  Bytes result(format.size());
  restore({format, rgb.data(), rgb.size()}, {format, result.data(), result.size()}, more...);
  return result;
}

/// Call `work`, which must throw `Expected`, and return its message.
template <typename Expected, typename Work>
std::string message(Work work) {
  try {
    work();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    FAIL("another error: ", error.what());
  }
  FAIL("no error");
  return {};
}

}  // namespace support

#define CHECK_CONTAINS(text, part) CHECK_MESSAGE((text).find(part) != std::string::npos, text)
