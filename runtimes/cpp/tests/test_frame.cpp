#include <cmath>

#include "layouts.hpp"
#include "support.hpp"

namespace {

using namespace restorect;
using support::Bytes;
using support::message;

std::string why_not(const FrameFormat& format) {
  return message<UsageError>([&] { format.check(); });
}

/// Convert in buffers of exactly the size that the format asks for, so that the sanitizer sees a step too
/// far.
Bytes converted(const Bytes& data, const FrameFormat& from, const FrameFormat& to) {
  Bytes result(to.size(), 0xA5);
  convert({from, data.data(), data.size()}, {to, result.data(), result.size()});
  return result;
}

}  // namespace

TEST_CASE("formats that hold no frame are refused") {
  CHECK_CONTAINS(why_not({Layout::rgb, 0, 4}), "the frame is empty: 0×4");
  CHECK_CONTAINS(why_not({Layout::rgb, 4, -1}), "both sides are at least 1");
  CHECK_CONTAINS(why_not({Layout::nv12, 61, 4}),
                 "even width, since 2 pixels share a chroma sample, got 61×4; crop it to 60");
  CHECK_CONTAINS(why_not({Layout::nv12, 60, 3}), "even height");
  CHECK_CONTAINS(why_not({Layout::yuyv, 61, 3}), "even width");
  CHECK_CONTAINS(why_not({Layout::bgra, 10, 10, 39}), "has 40 bytes, got a stride of 39");
  CHECK_CONTAINS(why_not({Layout::rgb, 10, 10, ~std::size_t{0}}), "at most 2 GiB");
  CHECK_CONTAINS(why_not({static_cast<Layout>(26), 10, 10}),
                 "unknown frame layout 26; known: 0 to 25, rgb, bgr");
  CHECK_CONTAINS(why_not({static_cast<Layout>(-1), 10, 10}), "unknown frame layout");
  CHECK_CONTAINS(why_not({Layout::nv12, 10, 10, 0, static_cast<Matrix>(9)}), "unknown color matrix 9");
  CHECK_CONTAINS(why_not({Layout::nv12, 10, 10, 0, Matrix::bt601, static_cast<Range>(9)}), "unknown range 9");
}

TEST_CASE("the size is that of the rows, without padding after the last") {
  CHECK(FrameFormat{Layout::rgb, 10, 4}.size() == 120);
  CHECK(FrameFormat{Layout::rgb, 10, 4, 32}.size() == 3 * 32 + 30);
  CHECK(FrameFormat{Layout::nv12, 10, 4, 16}.size() == 5 * 16 + 10);
  CHECK(FrameFormat{Layout::yuyv, 10, 4}.size() == 80);
  CHECK(FrameFormat{Layout::nv12, 10, 4, 16, Matrix::bt601, Range::full, 8}.size() == 16 * 8 + 16 + 10);
  CHECK(FrameFormat{Layout::nv12, 10, 4, 16, Matrix::bt601, Range::full, 8}.full_size() == 16 * 12);
}

TEST_CASE("buffers that do not hold the frame are refused") {
  const FrameFormat format{Layout::rgb, 8, 8, 32};
  Bytes data(format.size()), result(8 * 8 * 3);
  const FrameBuffer to{{Layout::rgb, 8, 8}, result.data(), result.size()};
  const auto short_by_one = [&] { convert({format, data.data(), data.size() - 1}, to); };
  CHECK_CONTAINS(message<UsageError>(short_by_one), "with a stride of 32 has 248 bytes, got 247");
  CHECK_CONTAINS(message<UsageError>([&] { convert({format, nullptr, 0}, to); }), "no buffer (null)");
  CHECK_CONTAINS(message<UsageError>([&] { convert({format, nullptr, 999}, to); }), "no buffer (null)");
  const auto small_result = [&] {
    convert({format, data.data(), data.size()}, {to.format, result.data(), result.size() - 1});
  };
  CHECK_CONTAINS(message<UsageError>(small_result), "cut off");
  const auto other_size = [&] {
    convert({format, data.data(), data.size()}, {{Layout::rgb, 8, 4}, result.data(), result.size()});
  };
  CHECK_CONTAINS(message<UsageError>(other_size), "the result has 8×8 pixels, got a buffer for 8×4 rgb");
  const auto in_place = [&] {
    convert({format, data.data(), data.size()}, {format, data.data() + 10, data.size()});
  };
  CHECK_CONTAINS(message<UsageError>(in_place), "overlap");
}

TEST_CASE("every layout keeps a picture, with padding and without, and leaves the padding alone") {
  for (int number = 0; number <= static_cast<int>(Layout::i420p10); ++number) {
    const auto layout = static_cast<Layout>(number);
    for (const std::size_t padding : {std::size_t{0}, std::size_t{7}}) {
      FrameFormat there{layout, 16, 8};
      there.stride = there.row_bytes() + padding;
      const FrameFormat straight{Layout::rgb, 16, 8};
      Bytes rgb(straight.size());  // one colour per chroma block, so that nothing is lost but rounding
      for (std::size_t i = 0; i < rgb.size(); ++i) {
        rgb[i] = static_cast<std::uint8_t>(40 + 9 * (i / 96) + 5 * (i % 48 / 6) +
                                           (layout == Layout::gray8 ? 0 : 20 * (i % 3)));
      }
      const Bytes frame = converted(rgb, straight, there);
      const Bytes back = converted(frame, there, straight);
      const int off = facts(layout).yuv() ? 2 : 0;
      for (std::size_t i = 0; i < rgb.size(); ++i) REQUIRE(std::abs(int{back[i]} - int{rgb[i]}) <= off);
      for (std::size_t row = 0; padding != 0 && row < 8; ++row) {  // of the first plane
        if (there.row_stride() * row + there.row_bytes() + padding > frame.size()) break;
        for (std::size_t i = 0; i < padding; ++i)
          REQUIRE(frame[row * there.stride + there.row_bytes() + i] == 0xA5);
      }
    }
  }
}

TEST_CASE("alpha is written as opaque") {
  const Bytes bgra = converted(support::noise(12), {Layout::rgb, 2, 2}, {Layout::bgra, 2, 2});
  CHECK(bgra[3] == 255);
  CHECK(bgra[15] == 255);
}

TEST_CASE("grey is grey in every matrix and range, and black and white are exact") {
  for (const Matrix matrix : {Matrix::bt601, Matrix::bt709}) {
    for (const Range range : {Range::full, Range::limited}) {
      const bool full = range == Range::full;
      const std::uint8_t black = full ? 0 : 16, white = full ? 255 : 235;
      const Bytes yuyv{black, 128, white, 128};
      CHECK(converted(yuyv, {Layout::yuyv, 2, 1, 0, matrix, range}, {Layout::rgb, 2, 1}) ==
            Bytes{0, 0, 0, 255, 255, 255});
      CHECK(converted({0, 0, 0, 255, 255, 255}, {Layout::rgb, 2, 1},
                      {Layout::yuyv, 2, 1, 0, matrix, range}) == yuyv);
    }
  }
}
