#include "restorect_ros/encodings.hpp"

#include <restorect/error.hpp>
#include <utility>

namespace restorect_ros {
namespace {

using restorect::Layout;
using restorect::Matrix;
using restorect::Range;

/// Names of sensor_msgs/image_encodings.hpp; `yuv422` is the older one of `uyvy`, `yuv422_yuy2` of `yuyv`.
const std::vector<std::pair<std::string, Layout>> kEncodings = {
    {"rgb8", Layout::rgb},   {"bgr8", Layout::bgr},         {"rgba8", Layout::rgba},
    {"bgra8", Layout::bgra}, {"mono8", Layout::gray8},      {"yuv422", Layout::uyvy},
    {"uyvy", Layout::uyvy},  {"yuv422_yuy2", Layout::yuyv}, {"yuyv", Layout::yuyv},
    {"nv21", Layout::nv21},  {"nv24", Layout::nv24}};

const std::vector<std::pair<std::string, Matrix>> kMatrices = {{"bt601", Matrix::bt601},
                                                               {"bt709", Matrix::bt709},
                                                               {"bt2020", Matrix::bt2020},
                                                               {"smpte240m", Matrix::smpte240m}};

const std::vector<std::pair<std::string, Range>> kRanges = {{"full", Range::full},
                                                            {"limited", Range::limited}};

template <typename Value>
Value named(const char* kind, const std::string& name,
            const std::vector<std::pair<std::string, Value>>& table) {
  std::string known;
  for (const auto& [each, value] : table) {
    if (each == name) return value;
    known += (known.empty() ? "" : ", ") + each;
  }
  throw restorect::UsageError(std::string(kind) + " is one of " + known + ", got '" + name + "'");
}

}  // namespace

std::optional<Layout> layout_of(const std::string& encoding) {
  for (const auto& [name, layout] : kEncodings) {
    if (name == encoding) return layout;
  }
  return std::nullopt;
}

std::vector<std::string> encodings() {
  std::vector<std::string> names;
  for (const auto& [name, layout] : kEncodings) names.push_back(name);
  return names;
}

Matrix matrix_named(const std::string& name) { return named("matrix", name, kMatrices); }

Range range_named(const std::string& name) { return named("range", name, kRanges); }

}  // namespace restorect_ros
