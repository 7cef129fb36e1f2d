#include "convert.hpp"

#include <algorithm>

namespace restorect {
namespace {

constexpr int kShift = 20;

// ⌊2²⁰·c + ½⌋ of the exact coefficients, which restorect_edge/media/frames.py derives.
constexpr Coefficients kCoefficients[2][2] = {
    {{1048576,
      1470104,
      -360853,
      -748826,
      1858077,
      {313524, 615514, 119538},
      {-176932, -347356, 524288},
      {524288, -439026, -85262},
      0},
     {1220945,
      1673555,
      -410793,
      -852458,
      2115221,
      {269262, 528618, 102662},
      {-155423, -305128, 460551},
      {460551, -385654, -74897},
      16}},
    {{1048576,
      1651297,
      -196424,
      -490864,
      1945738,
      {222927, 749942, 75707},
      {-120138, -404150, 524288},
      {524288, -476214, -48074},
      0},
     {1220945,
      1879825,
      -223607,
      -558796,
      2215014,
      {191455, 644067, 65019},
      {-105533, -355018, 460551},
      {460551, -418321, -42230},
      16}},
};

/// Where the samples of a Y'CbCr frame are; `Byte` is constant or not.
template <typename Byte>
struct Samples {
  Byte *luma, *cb, *cr;
  int luma_step, chroma_step;
};

template <typename Byte>
Samples<Byte> samples(const FrameFormat& format, Byte* data, std::size_t y) {
  const std::size_t stride = format.row_stride();
  Byte* row = data + y * stride;
  if (format.layout == Layout::yuyv) return {row, row + 1, row + 3, 2, 4};
  Byte* chroma = data + (static_cast<std::size_t>(format.height) + y / 2) * stride;
  return {row, chroma, chroma + 1, 1, 2};
}

std::uint8_t limited(std::int32_t value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

void yuv_row_to_rgb(const FrameFormat& format, const Samples<const std::uint8_t>& row, std::uint8_t* out) {
  const Coefficients& c = coefficients(format.matrix, format.range);
  constexpr std::int32_t half = 1 << (kShift - 1);
  for (int x = 0; x < format.width; x += 2) {
    const std::int32_t u = row.cb[x / 2 * row.chroma_step] - 128, v = row.cr[x / 2 * row.chroma_step] - 128;
    const std::int32_t red = c.red_v * v + half, green = c.green_u * u + c.green_v * v + half;
    const std::int32_t blue = c.blue_u * u + half;
    for (int i = x; i < x + 2; ++i) {
      const std::int32_t light = c.light * (row.luma[i * row.luma_step] - c.black);
      out[3 * i] = limited((light + red) >> kShift);
      out[3 * i + 1] = limited((light + green) >> kShift);
      out[3 * i + 2] = limited((light + blue) >> kShift);
    }
  }
}

std::uint8_t weighted(const std::int32_t (&weights)[3], const std::int32_t (&sums)[3], int shift, int zero) {
  const std::int32_t value = weights[0] * sums[0] + weights[1] * sums[1] + weights[2] * sums[2];
  return limited(((value + (1 << (shift - 1))) >> shift) + zero);
}

/// Write a row of luma and, from this row and `below` (the same where chroma has every row), one of chroma.
void rgb_row_to_yuv(const FrameFormat& format, const std::uint8_t* rgb, const std::uint8_t* below,
                    const Samples<std::uint8_t>& row) {
  const Coefficients& c = coefficients(format.matrix, format.range);
  for (int x = 0; x < format.width; ++x) {
    const std::int32_t values[3] = {rgb[3 * x], rgb[3 * x + 1], rgb[3 * x + 2]};
    row.luma[x * row.luma_step] = weighted(c.luma, values, kShift, c.black);
  }
  if (below == nullptr) return;
  const bool two = below != rgb;
  for (int x = 0; x < format.width; x += 2) {
    std::int32_t sums[3];
    for (int k = 0; k < 3; ++k) {
      sums[k] = rgb[3 * x + k] + rgb[3 * x + 3 + k] + (two ? below[3 * x + k] + below[3 * x + 3 + k] : 0);
    }
    row.cb[x / 2 * row.chroma_step] = weighted(c.cb, sums, kShift + (two ? 2 : 1), 128);
    row.cr[x / 2 * row.chroma_step] = weighted(c.cr, sums, kShift + (two ? 2 : 1), 128);
  }
}

/// Copy a row of `count` pixels with red and blue swapped, from and to pixels of 3 or 4 bytes.
void swap_row(const std::uint8_t* from, int from_step, std::uint8_t* to, int to_step, int count) {
  for (int x = 0; x < count; ++x, from += from_step, to += to_step) {
    to[0] = from[2];
    to[1] = from[1];
    to[2] = from[0];
    if (to_step == 4) to[3] = 255;
  }
}

bool is_yuv(Layout layout) { return layout == Layout::nv12 || layout == Layout::yuyv; }

Size size_of(const FrameFormat& format) { return {format.height, format.width}; }

PixelBuffer packed(const FrameFormat& format, std::vector<std::uint8_t>& memory) {
  const std::size_t stride = 3 * static_cast<std::size_t>(format.width);
  memory.resize(stride * static_cast<std::size_t>(format.height));
  return {memory.data(), stride, size_of(format)};
}

}  // namespace

const Coefficients& coefficients(Matrix matrix, Range range) {
  return kCoefficients[static_cast<int>(matrix)][static_cast<int>(range)];
}

Pixels rgb_pixels(const Frame& frame, std::vector<std::uint8_t>& memory) {
  const FrameFormat& format = frame.format;
  if (format.layout == Layout::rgb) return {frame.data, format.row_stride(), size_of(format)};
  const PixelBuffer rgb = packed(format, memory);
  for (std::int64_t y = 0; y < rgb.size.height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    if (is_yuv(format.layout)) {
      yuv_row_to_rgb(format, samples(format, frame.data, row), rgb.row(y));
    } else {
      swap_row(frame.data + row * format.row_stride(), format.layout == Layout::bgra ? 4 : 3, rgb.row(y), 3,
               format.width);
    }
  }
  return {rgb.data, rgb.stride, rgb.size};
}

PixelBuffer result_pixels(const FrameBuffer& to, std::vector<std::uint8_t>& memory) {
  if (to.format.layout == Layout::rgb) return {to.data, to.format.row_stride(), size_of(to.format)};
  return packed(to.format, memory);
}

void finish_result(const PixelBuffer& rgb, const FrameBuffer& to) {
  const FrameFormat& format = to.format;
  if (format.layout == Layout::rgb) return;
  for (std::int64_t y = 0; y < rgb.size.height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    if (format.layout == Layout::nv12) {
      rgb_row_to_yuv(format, rgb.row(y), y % 2 == 0 ? rgb.row(y + 1) : nullptr,
                     samples(format, to.data, row));
    } else if (format.layout == Layout::yuyv) {
      rgb_row_to_yuv(format, rgb.row(y), rgb.row(y), samples(format, to.data, row));
    } else {
      swap_row(rgb.row(y), 3, to.data + row * format.row_stride(), format.layout == Layout::bgra ? 4 : 3,
               format.width);
    }
  }
}

}  // namespace restorect
