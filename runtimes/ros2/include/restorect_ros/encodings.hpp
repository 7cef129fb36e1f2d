// Names of pixels in sensor_msgs/Image, and the library's layouts.
#pragma once

#include <optional>
#include <restorect/frame.hpp>
#include <string>
#include <vector>

namespace restorect_ros {

/// The layout of an encoding of sensor_msgs/Image; nothing where the library has none.
std::optional<restorect::Layout> layout_of(const std::string& encoding);

/// Every encoding that `layout_of` knows, in the order of its table.
std::vector<std::string> encodings();

/// Throws restorect::UsageError: another name than bt601, bt709, bt2020 or smpte240m.
restorect::Matrix matrix_named(const std::string& name);

/// Throws restorect::UsageError: another name than full or limited.
restorect::Range range_named(const std::string& name);

}  // namespace restorect_ros
