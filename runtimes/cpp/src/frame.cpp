#include "restorect/frame.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "convert.hpp"
#include "restorect/error.hpp"

namespace restorect {
namespace {

constexpr std::size_t kLongestStride = std::size_t{1} << 31;

struct LayoutFacts {
  const char* name;
  int bytes_per_pixel;
  int block_height, block_width;  // of what a chroma sample stands for
};

const LayoutFacts& facts(Layout layout) {
  static const LayoutFacts all[] = {
      {"rgb", 3, 1, 1}, {"bgr", 3, 1, 1}, {"bgra", 4, 1, 1}, {"nv12", 1, 2, 2}, {"yuyv", 2, 1, 2}};
  const auto index = static_cast<unsigned>(layout);
  if (index >= std::size(all)) {
    throw UsageError("unknown frame layout " + std::to_string(index) + "; known: rgb, bgr, bgra, nv12, yuyv");
  }
  return all[index];
}

std::string described(const FrameFormat& format) {
  return std::to_string(format.width) + "×" + std::to_string(format.height) + " " + facts(format.layout).name;
}

void check_side(const FrameFormat& format, const char* side, int length, int step) {
  if (length % step == 0) return;
  throw UsageError(std::string("a ") + facts(format.layout).name + " frame has an even " + side + ", since " +
                   std::to_string(step) + " pixels share a chroma sample, got " +
                   std::to_string(format.width) + "×" + std::to_string(format.height) + "; crop it to " +
                   std::to_string(length - 1));
}

void check_stride(const FrameFormat& format) {
  if (format.stride == 0) return;
  if (format.stride < format.row_bytes()) {
    throw UsageError("a row of " + std::to_string(format.width) + " " + facts(format.layout).name +
                     " pixels has " + std::to_string(format.row_bytes()) + " bytes, got a stride of " +
                     std::to_string(format.stride) +
                     "; the stride is at least that, in bytes, or 0 for rows without padding");
  }
  if (format.stride > kLongestStride) {
    throw UsageError("a stride is at most 2 GiB, got " + std::to_string(format.stride) + " bytes");
  }
}

}  // namespace

void FrameFormat::check() const {
  const LayoutFacts& layout_facts = facts(layout);
  if (matrix != Matrix::bt601 && matrix != Matrix::bt709) {
    throw UsageError("unknown colour matrix " + std::to_string(static_cast<int>(matrix)) +
                     "; known: bt601, bt709");
  }
  if (range != Range::full && range != Range::limited) {
    throw UsageError("unknown range " + std::to_string(static_cast<int>(range)) + "; known: full, limited");
  }
  if (width < 1 || height < 1) {
    throw UsageError("the frame is empty: " + std::to_string(width) + "×" + std::to_string(height) +
                     " pixels; both sides are at least 1");
  }
  check_side(*this, "height", height, layout_facts.block_height);
  check_side(*this, "width", width, layout_facts.block_width);
  check_stride(*this);
}

std::size_t FrameFormat::row_bytes() const {
  return static_cast<std::size_t>(facts(layout).bytes_per_pixel) * static_cast<std::size_t>(width);
}

std::size_t FrameFormat::rows() const {
  const auto luma = static_cast<std::size_t>(height);
  return layout == Layout::nv12 ? luma + luma / 2 : luma;
}

void check_buffer(const FrameFormat& format, const void* data, std::size_t size) {
  format.check();
  if (data == nullptr) throw UsageError("a " + described(format) + " frame has no buffer (null)");
  if (size < format.size()) {
    throw UsageError("a " + described(format) + " frame with a stride of " +
                     std::to_string(format.row_stride()) + " has " + std::to_string(format.size()) +
                     " bytes, got " + std::to_string(size) +
                     ": the buffer is cut off, or its format is another");
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
