// Frames as 8-bit RGB: a view where they are that already, else a conversion into memory of the caller's.
#pragma once

#include <cstdint>
#include <vector>

#include "planes.hpp"
#include "restorect/frame.hpp"

namespace restorect {

/// Throws UsageError: a bad format, or a buffer that is missing or too short.
void check_buffer(const FrameFormat& format, const void* data, std::size_t size);

/// Check both buffers, that `to` is `scale` times as large, and that they do not overlap (UsageError).
void check_pair(const Frame& from, const FrameBuffer& to, int scale);

/// Return the frame in RGB; `memory` is used where it has to be converted, and must outlive the result.
Pixels rgb_pixels(const Frame& frame, std::vector<std::uint8_t>& memory);

/// Return where to write RGB: the buffer itself where that is its layout, else `memory`.
PixelBuffer result_pixels(const FrameBuffer& to, std::vector<std::uint8_t>& memory);

/// Convert what was written to `result_pixels`; nothing where it was the buffer itself.
void finish_result(const PixelBuffer& rgb, const FrameBuffer& to);

/// The integers of a Y'CbCr format, with 20 fractional bits.
struct Coefficients {
  /// Multiply d (all channels), v (in R), u and v (in G) and u (in B).
  std::int32_t light, red_v, green_u, green_v, blue_u;
  /// Multiply R, G and B for Y, Cb and Cr.
  std::int32_t luma[3], cb[3], cr[3];
  std::int32_t black;  ///< Y of black.
};

/// Return those of restorect_edge.media.ycbcr, which the golden vectors list.
const Coefficients& coefficients(Matrix matrix, Range range);

}  // namespace restorect
