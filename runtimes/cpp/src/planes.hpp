// From 8-bit RGB to what networks take, and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tiling.hpp"

namespace restorect {

/// 8-bit RGB to read, rows `stride` bytes apart.
struct Pixels {
  const std::uint8_t* data;
  std::size_t stride;
  Size size;
  const std::uint8_t* row(std::int64_t y) const { return data + static_cast<std::size_t>(y) * stride; }
};

/// 8-bit RGB to write.
struct PixelBuffer {
  std::uint8_t* data;
  std::size_t stride;
  Size size;
  std::uint8_t* row(std::int64_t y) const { return data + static_cast<std::size_t>(y) * stride; }
};

/// Write a window of the padded image into `planes` (3, H, W), in [0, 1].
void to_planes(const Pixels& image, const Window& window, float* planes);

/// Write a window of the padded image into `levels` (H, W, 3).
void to_levels(const Pixels& image, const Window& window, std::uint8_t* levels);

/// Write the kept part of `levels` (H·scale, W·scale, 3) where it belongs in `out`.
void from_levels(const std::uint8_t* levels, const Window& window, int scale, const PixelBuffer& out);

/// Write the kept part of `planes` (3, H·scale, W·scale) times `gain`, limited to [0, 1] and rounded, where
/// it belongs in `out`.
///
/// Throws BackendError: a value is not a number.
void from_planes(const float* planes, const Window& window, int scale, const PixelBuffer& out,
                 float gain = 1);

}  // namespace restorect
