// Camera and video frames: buffers of bytes in five layouts, and their conversion. The same formats, integers
// and rounding as restorect_edge/media/frames.py, whose head has the formulas (ITU-R BT.601-7, BT.709-6,
// ITU-T T.871).
#pragma once

#include <cstddef>
#include <cstdint>

#include "restorect/export.h"

namespace restorect {

/// How pixels lie in a buffer. `bgra`: alpha is ignored, and written as 255. `nv12`: rows of Y, then rows of
/// Cb Cr pairs of the same stride, one for two of Y. `yuyv`: Y Cb Y Cr.
enum class Layout { rgb, bgr, bgra, nv12, yuyv };

/// Luma coefficients of Y'CbCr layouts; means nothing for the others.
enum class Matrix { bt601, bt709 };

/// 0 … 255, or 16 … 235 (chroma 240); means nothing for RGB layouts.
enum class Range { full, limited };

/// What a buffer of bytes holds.
struct RESTORECT_API FrameFormat {
  Layout layout = Layout::rgb;
  int width = 0;
  int height = 0;
  /// Bytes from a row to the next; 0 for rows without padding.
  std::size_t stride = 0;
  Matrix matrix = Matrix::bt601;
  Range range = Range::limited;

  /// Throws UsageError: no pixels, odd sides where chroma needs even ones, an unknown layout, matrix or
  /// range, or a stride that is too short.
  void check() const;
  /// Bytes of a row without padding; of luma, where chroma has rows of its own.
  std::size_t row_bytes() const;
  std::size_t row_stride() const { return stride != 0 ? stride : row_bytes(); }
  /// Rows of the buffer: of NV12, those of chroma too.
  std::size_t rows() const;
  /// Bytes that a buffer has at least: padding after the last row may be missing.
  std::size_t size() const { return row_stride() * (rows() - 1) + row_bytes(); }
};

/// A frame to read. What lies behind the frame's size is ignored, as cameras pad to whole pages.
struct Frame {
  FrameFormat format;
  const std::uint8_t* data = nullptr;
  /// Bytes of the buffer.
  std::size_t size = 0;
};

/// A frame to write; padding between rows is left as it is.
struct FrameBuffer {
  FrameFormat format;
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

/// Convert a frame to another layout, matrix, range or stride of the same size, by way of 8-bit RGB.
///
/// Throws UsageError: a format that `check` refuses, a buffer that is missing or too short, sizes that
/// differ, or buffers that overlap.
RESTORECT_API void convert(const Frame& from, const FrameBuffer& to);

}  // namespace restorect
