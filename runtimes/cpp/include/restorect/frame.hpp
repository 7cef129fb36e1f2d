// Camera and video frames: buffers of bytes in the layouts of spec/frames, and their conversion. The same
// formats, integers and rounding as restorect_edge/media/frames.py and ycbcr.py, which has the formulas
// (ITU-R BT.601-7, BT.709-6, BT.2020-2, SMPTE 240M, ITU-T T.871).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "restorect/export.h"

namespace restorect {

/// How pixels lie in a buffer; the names are those of FFmpeg, GStreamer and WebCodecs. Alpha (`a`) and what
/// is unused (`x`) are ignored, and written as 255. `yuyv` is also called YUY2. `p010` and `i420p10` have 10
/// bits in little-endian words, at their top and at their bottom, which are rounded to 8.
enum class Layout {
  rgb,
  bgr,
  bgra,
  nv12,
  yuyv,
  rgba,
  argb,
  abgr,
  rgbx,
  bgrx,
  xrgb,
  xbgr,
  gray8,
  nv21,
  nv16,
  nv61,
  nv24,
  i420,
  yv12,
  i422,
  i444,
  uyvy,
  yvyu,
  vyuy,
  p010,
  i420p10
};

/// Luma coefficients of Y'CbCr layouts; means nothing for the others.
enum class Matrix { bt601, bt709, bt2020, smpte240m };

/// Which matrix a frame has by what its stream says; spec/frames has the rule. Throws UsageError: one that is
/// none of these.
///
/// `coefficients` and `primaries` are codes of ITU-T H.273, 2 where the stream says nothing; `rows` are those
/// of the frame, before it is turned.
RESTORECT_API Matrix matrix_of(int coefficients, int primaries, int rows);

/// 0 … 255, or 16 … 235 (chroma 240); means nothing for RGB and gray layouts.
enum class Range { full, limited };

/// Where a plane lies in a buffer.
struct Plane {
  /// Byte of its first row.
  std::size_t offset = 0;
  /// Bytes from a row to the next.
  std::size_t stride = 0;
};

/// What a buffer of bytes holds.
struct RESTORECT_API FrameFormat {
  Layout layout = Layout::rgb;
  int width = 0;
  int height = 0;
  /// Bytes from a row of the first plane to the next, from which those of the other planes follow; 0 for rows
  /// without padding.
  std::size_t stride = 0;
  Matrix matrix = Matrix::bt601;
  Range range = Range::limited;
  /// Rows that the first plane has room for, as of decoders that pad 1080 rows to 1088; 0 for `height`.
  int slice_height = 0;
  /// Each plane, where they follow from neither `stride` nor `slice_height`, which are 0 then.
  std::vector<Plane> planes = {};

  /// Throws UsageError: no pixels, odd sides where chroma needs even ones, an unknown layout, matrix or
  /// range, or a stride or slice height that is too short.
  void check() const;
  /// Bytes of a row of the first plane without padding.
  std::size_t row_bytes() const;
  std::size_t row_stride() const { return places()[0].stride; }
  /// Where each plane lies: as given, or one after the other.
  std::array<Plane, 3> places() const;
  /// Bytes that a buffer has at least: padding after the last row may be missing.
  std::size_t size() const;
  /// Bytes of a buffer whose last rows are padded too.
  std::size_t full_size() const;
};

/// A frame to read. What lies behind the frame's size is ignored, as cameras pad to whole pages; but a buffer
/// of several planes that has as many bytes as padded rows would give it needs its `slice_height`.
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
