#include "restorect/frame.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "convert.hpp"
#include "layouts.hpp"
#include "restorect/error.hpp"

namespace restorect {
namespace {

// within these bounds no offset of a row overflows 64 bits
constexpr std::size_t kLongestStride = std::size_t{1} << 31;
constexpr std::size_t kFarthestPlane = std::size_t{1} << 40;
/// Bytes to whose multiples kernels round the size of a buffer.
constexpr std::size_t kPage = 4096;

std::string text(std::size_t number) { return std::to_string(number); }

std::string sides(const FrameFormat& format) {
  return std::to_string(format.width) + "×" + std::to_string(format.height);
}

std::string described(const FrameFormat& format) { return sides(format) + " " + facts(format.layout).name; }

std::size_t bytes_of(const FrameFormat& format, const PlaneShape& shape) {
  return static_cast<std::size_t>(shape.bytes) * static_cast<std::size_t>(format.width) /
         static_cast<std::size_t>(shape.across);
}

std::size_t divided_up(std::size_t number, int by) {
  const auto divisor = static_cast<std::size_t>(by);
  return (number + divisor - 1) / divisor;
}

/// Planes one after the other, the first with room for so many rows.
std::array<Plane, 3> packed(const FrameFormat& format, std::size_t rows) {
  const LayoutFacts& layout = facts(format.layout);
  const PlaneShape& first = layout.planes[0];
  const std::size_t stride = format.stride != 0 ? format.stride : format.row_bytes();
  std::array<Plane, 3> planes{};
  std::size_t offset = 0;
  for (int i = 0; i < layout.plane_count; ++i) {
    const PlaneShape& shape = layout.planes[i];
    // The same pixels fit into a row of each plane.
    const std::size_t own =
        divided_up(stride * static_cast<std::size_t>(shape.bytes * first.across), shape.across * first.bytes);
    planes[static_cast<std::size_t>(i)] = {offset, own};
    offset += own * divided_up(rows, shape.down);
  }
  return planes;
}

std::size_t padded_rows(const FrameFormat& format) {
  return static_cast<std::size_t>(format.slice_height != 0 ? format.slice_height : format.height);
}

std::size_t full(const FrameFormat& format, const std::array<Plane, 3>& places, std::size_t rows) {
  const LayoutFacts& layout = facts(format.layout);
  std::size_t most = 0;
  for (int i = 0; i < layout.plane_count; ++i) {
    const Plane& plane = places[static_cast<std::size_t>(i)];
    most = std::max(most, plane.offset + plane.stride * divided_up(rows, layout.planes[i].down));
  }
  return most;
}

void check_side(const FrameFormat& format, const char* side, int length, int step) {
  if (length % step == 0) return;
  throw UsageError(std::string("every ") + facts(format.layout).name + " frame has an even " + side +
                   ", since " + std::to_string(step) + " pixels share a chroma sample, got " + sides(format) +
                   "; crop it to " + std::to_string(length - 1));
}

void check_stride(const FrameFormat& format, std::size_t stride, std::size_t needed) {
  if (stride < needed) {
    throw UsageError("a row of " + std::to_string(format.width) + " " + facts(format.layout).name +
                     " pixels has " + text(needed) + " bytes, got a stride of " + text(stride) +
                     "; the stride is at least that, in bytes, or 0 for rows without padding");
  }
  if (stride > kLongestStride) throw UsageError("a stride is at most 2 GiB, got " + text(stride) + " bytes");
}

void check_planes(const FrameFormat& format) {
  const LayoutFacts& layout = facts(format.layout);
  const auto count = static_cast<std::size_t>(layout.plane_count);
  if (format.stride != 0 || format.slice_height != 0 || format.planes.size() != count) {
    throw UsageError("planes are offset and stride of each of the " + text(count) + " planes of " +
                     layout.name + ", without stride and slice_height; got " + text(format.planes.size()) +
                     " with a stride of " + text(format.stride) + " and a slice_height of " +
                     std::to_string(format.slice_height));
  }
  for (std::size_t i = 0; i < count; ++i) {
    check_stride(format, format.planes[i].stride, bytes_of(format, layout.planes[i]));
    if (format.planes[i].offset > kFarthestPlane)
      throw UsageError("a plane starts within the buffer, got byte " + text(format.planes[i].offset));
  }
}

/// The rows that a buffer of `size` bytes would have room for, were they padded; else 0. A buffer rounded up
/// to whole pages has none, nor has a layout of one plane, where padding comes last.
std::size_t slices_of(const FrameFormat& format, std::size_t size) {
  const LayoutFacts& layout = facts(format.layout);
  const std::size_t whole = format.full_size();
  if (!format.planes.empty() || format.slice_height != 0 || layout.plane_count == 1 || size <= whole)
    return 0;
  const std::size_t more = static_cast<std::size_t>(format.height + layout.block_height);
  const std::size_t step = full(format, packed(format, more), more) - whole, spare = size - whole;
  if (spare % step != 0 || (spare < kPage && size % kPage == 0)) return 0;
  return static_cast<std::size_t>(format.height) +
         spare / step * static_cast<std::size_t>(layout.block_height);
}

constexpr int kBt2020 = 9;
constexpr int kHd = 720;

}  // namespace

Matrix matrix_of(int coefficients, int primaries, int rows) {
  switch (coefficients) {
    case 1:
      return Matrix::bt709;
    case 4:
    case 5:
    case 6:
      return Matrix::bt601;
    case 7:
      return Matrix::smpte240m;
    case kBt2020:
      return Matrix::bt2020;
    case 0:
    case 2:
    case 3:
      if (primaries == kBt2020) return Matrix::bt2020;
      return rows >= kHd ? Matrix::bt709 : Matrix::bt601;
    default:
      throw UsageError("the frame's color matrix is " + std::to_string(coefficients) +
                       " of ITU-T H.273, none of BT.601, BT.709, BT.2020 and SMPTE 240M; convert it first");
  }
}

void FrameFormat::check() const {
  const LayoutFacts& layout_facts = facts(layout);
  if (static_cast<unsigned>(matrix) > static_cast<unsigned>(Matrix::smpte240m)) {
    throw UsageError("unknown color matrix " + std::to_string(static_cast<int>(matrix)) +
                     "; known: bt601, bt709, bt2020, smpte240m");
  }
  if (range != Range::full && range != Range::limited) {
    throw UsageError("unknown range " + std::to_string(static_cast<int>(range)) + "; known: full, limited");
  }
  if (width < 1 || height < 1)
    throw UsageError("the frame is empty: " + sides(*this) + " pixels; both sides are at least 1");
  check_side(*this, "height", height, layout_facts.block_height);
  check_side(*this, "width", width, layout_facts.block_width);
  if (slice_height != 0 && slice_height < height) {
    throw UsageError("slice_height is the rows that the buffer has room for, at least the " +
                     std::to_string(height) + " of the frame, got " + std::to_string(slice_height) +
                     "; 0 for rows without padding");
  }
  if (planes.empty()) {
    check_stride(*this, stride != 0 ? stride : row_bytes(), row_bytes());
  } else {
    check_planes(*this);
  }
}

std::size_t FrameFormat::row_bytes() const { return bytes_of(*this, facts(layout).planes[0]); }

std::array<Plane, 3> FrameFormat::places() const {
  if (planes.empty()) return packed(*this, padded_rows(*this));
  std::array<Plane, 3> given{};
  std::copy_n(planes.begin(), std::min(planes.size(), given.size()), given.begin());
  return given;
}

std::size_t FrameFormat::size() const {
  const LayoutFacts& layout_facts = facts(layout);
  const auto all = places();
  std::size_t most = 0;
  for (int i = 0; i < layout_facts.plane_count; ++i) {
    const PlaneShape& shape = layout_facts.planes[i];
    const Plane& plane = all[static_cast<std::size_t>(i)];
    const auto last = static_cast<std::size_t>(height / shape.down - 1);
    most = std::max(most, plane.offset + plane.stride * last + bytes_of(*this, shape));
  }
  return most;
}

std::size_t FrameFormat::full_size() const { return full(*this, places(), padded_rows(*this)); }

void check_buffer(const FrameFormat& format, const void* data, std::size_t size) {
  format.check();
  if (data == nullptr) throw UsageError("a " + described(format) + " frame has no buffer (null)");
  const std::string what =
      "a " + described(format) + " frame with a stride of " + text(format.row_stride()) + " has ";
  if (size < format.size()) {
    throw UsageError(what + text(format.size()) + " bytes, got " + text(size) +
                     ": the buffer is cut off, or its format is another");
  }
  if (const std::size_t rows = slices_of(format, size)) {
    throw UsageError(what + text(format.full_size()) + " bytes, got " + text(size) +
                     ", which is the size with " + text(rows) + " rows: give slice_height=" + text(rows) +
                     " if rows are padded to that, or slice_height=" + std::to_string(format.height) +
                     " if they are not");
  }
}

void check_pair(const Frame& from, const FrameBuffer& to, int scale) {
  check_buffer(from.format, from.data, from.size);
  check_buffer(to.format, to.data, to.size);
  const std::int64_t width = std::int64_t{from.format.width} * scale,
                     height = std::int64_t{from.format.height} * scale;
  if (to.format.width != width || to.format.height != height) {
    throw UsageError("the result has " + std::to_string(width) + "×" + std::to_string(height) +
                     " pixels, got a buffer for " + described(to.format));
  }
  // `<` on pointers into different buffers is unspecified; std::less orders them all
  const std::less<const std::uint8_t*> before;
  if (before(from.data, to.data + to.format.size()) && before(to.data, from.data + from.format.size())) {
    throw UsageError("the frame and the buffer for the result overlap; give the result memory of its own");
  }
}

void convert(const Frame& from, const FrameBuffer& to) {
  check_pair(from, to, 1);
  std::vector<std::uint8_t> between, straight;
  const PixelBuffer result = result_pixels(to, between);
  const Pixels source = rgb_pixels(from, straight);
  const auto row = static_cast<std::size_t>(3 * source.size.width);
  for (std::int64_t y = 0; y < source.size.height; ++y) std::copy_n(source.row(y), row, result.row(y));
  finish_result(result, to);
}

}  // namespace restorect
