#include "convert.hpp"

#include <algorithm>

#include "layouts.hpp"

namespace restorect {
namespace {

constexpr int kShift = 20;

/// Where the samples of a row are; `Byte` is constant or not.
template <typename Byte>
struct Samples {
  Byte* first[3];
  int step[3];
};

/// The samples of row `y`: R, G and B; Y, Cb and Cr; or gray alone.
template <typename Byte>
Samples<Byte> samples(const LayoutFacts& layout, const std::array<Plane, 3>& places, Byte* data,
                      std::size_t y) {
  Samples<Byte> found{};
  for (int i = 0; i < (layout.color == Color::gray ? 1 : 3); ++i) {
    const Channel& channel = layout.channels[i];
    const Plane& plane = places[static_cast<std::size_t>(channel.plane)];
    const std::size_t row = y / static_cast<std::size_t>(layout.planes[channel.plane].down);
    found.first[i] = data + plane.offset + row * plane.stride + channel.offset;
    found.step[i] = channel.step;
  }
  return found;
}

std::uint8_t limited(std::int32_t value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// Read and write a sample of 8 bits, or the 8 most significant bits of a word.
template <bool deep>
std::int32_t level(const std::uint8_t* sample, int shift) {
  if constexpr (!deep) return *sample;
  return std::min((sample[0] + 256 * sample[1] + (1 << (shift - 1))) >> shift, 255);
}

void put(std::uint8_t* sample, std::uint8_t level, int shift) {
  if (shift == 0) {
    *sample = level;
    return;
  }
  const int word = level << shift;
  sample[0] = static_cast<std::uint8_t>(word & 255);
  sample[1] = static_cast<std::uint8_t>(word >> 8);
}

template <int across, bool deep>
void yuv_row_to_rgb(const Coefficients& c, const Samples<const std::uint8_t>& row, int width, int shift,
                    std::uint8_t* out) {
  constexpr std::int32_t half = 1 << (kShift - 1);
  const auto [luma, cb, cr] = row.first;
  for (int x = 0; x < width; x += across) {
    const std::int32_t u = level<deep>(cb + x / across * row.step[1], shift) - 128,
                       v = level<deep>(cr + x / across * row.step[2], shift) - 128;
    // shared by the pixels of a block; half a unit makes the shift, which rounds down, round to the nearest
    const std::int32_t red = c.red_v * v + half, green = c.green_u * u + c.green_v * v + half;
    const std::int32_t blue = c.blue_u * u + half;
    for (int i = x; i < x + across; ++i) {
      const std::int32_t light = c.light * (level<deep>(luma + i * row.step[0], shift) - c.black);
      out[3 * i] = limited((light + red) >> kShift);
      out[3 * i + 1] = limited((light + green) >> kShift);
      out[3 * i + 2] = limited((light + blue) >> kShift);
    }
  }
}

using RowToRgb = void (*)(const Coefficients&, const Samples<const std::uint8_t>&, int, int, std::uint8_t*);

/// A function for each layout of samples, so that the loop over pixels has none of these questions.
RowToRgb row_to_rgb(const LayoutFacts& layout) {
  if (layout.block_width == 2) return layout.shift != 0 ? yuv_row_to_rgb<2, true> : yuv_row_to_rgb<2, false>;
  return layout.shift != 0 ? yuv_row_to_rgb<1, true> : yuv_row_to_rgb<1, false>;
}

std::uint8_t weighted(const std::int32_t (&weights)[3], const std::int32_t (&sums)[3], int shift, int zero) {
  const std::int32_t value = weights[0] * sums[0] + weights[1] * sums[1] + weights[2] * sums[2];
  return limited(((value + (1 << (shift - 1))) >> shift) + zero);
}

void luma_row(const Coefficients& c, const std::uint8_t* rgb, int width, int shift,
              const Samples<std::uint8_t>& row) {
  for (int x = 0; x < width; ++x) {
    const std::int32_t values[3] = {rgb[3 * x], rgb[3 * x + 1], rgb[3 * x + 2]};
    put(row.first[0] + x * row.step[0], weighted(c.luma, values, kShift, c.black), shift);
  }
}

/// Write a row of chroma, each sample the mean of its block in this row and, in 4:2:0, the one below.
void chroma_row(const Coefficients& c, const PixelBuffer& rgb, std::int64_t y, const LayoutFacts& layout,
                const Samples<std::uint8_t>& row) {
  const int pixels = layout.block_height * layout.block_width;
  // the mean of a block is part of the one shift: one rounding, not two
  const int bits = kShift + (pixels == 4 ? 2 : pixels == 2 ? 1 : 0);
  for (int x = 0; x < rgb.size.width; x += layout.block_width) {
    std::int32_t sums[3] = {0, 0, 0};
    for (int j = 0; j < layout.block_height; ++j) {
      for (int i = x; i < x + layout.block_width; ++i) {
        for (int k = 0; k < 3; ++k) sums[k] += rgb.row(y + j)[3 * i + k];
      }
    }
    const int at = x / layout.block_width;
    put(row.first[1] + at * row.step[1], weighted(c.cb, sums, bits, 128), layout.shift);
    put(row.first[2] + at * row.step[2], weighted(c.cr, sums, bits, 128), layout.shift);
  }
}

/// Copy bytes of a row that lie `from_step` apart to where they lie `to_step` apart.
void spread(const std::uint8_t* from, int from_step, std::uint8_t* to, int to_step, std::int64_t count) {
  for (std::int64_t x = 0; x < count; ++x, from += from_step, to += to_step) *to = *from;
}

void read_row(const LayoutFacts& layout, const Samples<const std::uint8_t>& row, std::int64_t width,
              std::uint8_t* out) {
  for (int k = 0; k < 3; ++k) {
    const int from = layout.color == Color::gray ? 0 : k;
    spread(row.first[from], row.step[from], out + k, 3, width);
  }
}

void write_row(const FrameFormat& format, const LayoutFacts& layout, const PixelBuffer& rgb, std::int64_t y,
               const Samples<std::uint8_t>& row) {
  if (layout.color == Color::rgb) {
    for (int k = 0; k < 3; ++k) spread(rgb.row(y) + k, 3, row.first[k], row.step[k], rgb.size.width);
    if (layout.alpha < 0) return;
    constexpr std::uint8_t opaque = 255;
    // from the first byte of the pixels, which one of the channels or alpha itself is
    std::uint8_t* pixel = row.first[0] - layout.channels[0].offset;
    spread(&opaque, 0, pixel + layout.alpha, row.step[0], rgb.size.width);
    return;
  }
  const Coefficients& c =
      coefficients(format.matrix, layout.color == Color::gray ? Range::full : format.range);
  luma_row(c, rgb.row(y), format.width, layout.shift, row);
  // chroma once for each block, with its first row
  if (layout.yuv() && y % layout.block_height == 0) chroma_row(c, rgb, y, layout, row);
}

Size size_of(const FrameFormat& format) { return {format.height, format.width}; }

PixelBuffer packed(const FrameFormat& format, std::vector<std::uint8_t>& memory) {
  const std::size_t stride = 3 * static_cast<std::size_t>(format.width);
  memory.resize(stride * static_cast<std::size_t>(format.height));
  return {memory.data(), stride, size_of(format)};
}

}  // namespace

Pixels rgb_pixels(const Frame& frame, std::vector<std::uint8_t>& memory) {
  const FrameFormat& format = frame.format;
  const auto places = format.places();
  // RGB is read where it lies: no copy of what a camera gives
  if (format.layout == Layout::rgb) return {frame.data + places[0].offset, places[0].stride, size_of(format)};
  const PixelBuffer rgb = packed(format, memory);
  const LayoutFacts& layout = facts(format.layout);
  const RowToRgb convert_row = row_to_rgb(layout);
  const Coefficients& c = coefficients(format.matrix, format.range);
  for (std::int64_t y = 0; y < rgb.size.height; ++y) {
    const auto row = samples(layout, places, frame.data, static_cast<std::size_t>(y));
    if (layout.yuv()) {
      convert_row(c, row, format.width, layout.shift, rgb.row(y));
    } else {
      read_row(layout, row, format.width, rgb.row(y));
    }
  }
  return {rgb.data, rgb.stride, rgb.size};
}

PixelBuffer result_pixels(const FrameBuffer& to, std::vector<std::uint8_t>& memory) {
  if (to.format.layout != Layout::rgb) return packed(to.format, memory);
  const Plane plane = to.format.places()[0];
  return {to.data + plane.offset, plane.stride, size_of(to.format)};
}

void finish_result(const PixelBuffer& rgb, const FrameBuffer& to) {
  const FrameFormat& format = to.format;
  if (format.layout == Layout::rgb) return;
  const auto places = format.places();
  const LayoutFacts& layout = facts(format.layout);
  for (std::int64_t y = 0; y < rgb.size.height; ++y)
    write_row(format, layout, rgb, y, samples(layout, places, to.data, static_cast<std::size_t>(y)));
}

}  // namespace restorect
