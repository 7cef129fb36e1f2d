#include <algorithm>

#include "planes.hpp"
#include "support.hpp"
#include "thumbnail.hpp"
#include "tiling.hpp"

using namespace restorect;

TEST_CASE("windows cover every pixel once, stay inside, and have their context") {
  for (const auto& [padded, side, halo] : {std::tuple<Size, std::int64_t, std::int64_t>{{120, 232}, 100, 24},
                                           {{8, 8}, 64, 24},
                                           {{500, 90}, 56, 24}}) {
    std::vector<int> seen(static_cast<std::size_t>(padded.area()));
    const Size window{std::min(side, padded.height), std::min(side, padded.width)};
    for (const Window& part : plan(padded, window, halo)) {
      for (const auto& [span, length] : {std::pair{part.rows, padded.height}, {part.columns, padded.width}}) {
        REQUIRE(span.start >= 0);
        REQUIRE(span.stop <= length);
        const bool left = span.start == 0 || span.keep_from - span.start >= halo;
        const bool right = span.stop == length || span.stop - span.keep_to >= halo;
        REQUIRE(left);
        REQUIRE(right);
      }
      for (std::int64_t y = part.rows.keep_from; y < part.rows.keep_to; ++y) {
        for (std::int64_t x = part.columns.keep_from; x < part.columns.keep_to; ++x) {
          ++seen[static_cast<std::size_t>(y * padded.width + x)];
        }
      }
    }
    REQUIRE(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
  }
}

TEST_CASE("a window that keeps nothing is refused") {
  const auto text = support::message<UsageError>([] { plan({100, 100}, {48, 48}, 24); });
  CHECK_CONTAINS(text, "windows must be larger than 48");
}

TEST_CASE("a 48 megapixel photograph is cut into windows within the limit") {
  const Size window = best_window({6000, 8000}, 2 << 20, 72, 8);
  CHECK(window.area() <= 2 << 20);
  CHECK(window.height % 8 == 0);
  CHECK(window.width % 8 == 0);
  CHECK(best_window({400, 600}, 2 << 20, 72, 8) == Size{400, 600});
}

TEST_CASE("reflection does not repeat the border") {
  const std::vector<std::int64_t> expected{0, 1, 2, 1, 0, 1, 2};
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(reflected(static_cast<std::int64_t>(i), 3) == expected[i]);
  CHECK(reflected(5, 1) == 0);
}

TEST_CASE("the thumbnail of one colour is that colour, whatever the size") {
  for (const Size size : {Size{1, 1}, Size{45, 61}, Size{300, 7}}) {
    const support::Bytes rgb(static_cast<std::size_t>(3 * size.area()), 51);
    const Size padded{(size.height + 7) / 8 * 8, (size.width + 7) / 8 * 8};
    const Pixels image{rgb.data(), static_cast<std::size_t>(3 * size.width), size};
    const auto means = thumbnail(image, padded, {64, 4, false});
    CHECK(means.values.size() == 3 * 64 * 64);
    for (const float value : means.values) REQUIRE(value == doctest::Approx(0.2).epsilon(1e-5));
    const auto both = thumbnail(image, padded, {64, 4, true});
    CHECK(both.channels() == 6);
    CHECK(std::equal(means.values.begin(), means.values.end(), both.values.begin()));
    CHECK(std::all_of(both.values.begin() + 3 * 64 * 64, both.values.end(), [](float v) { return v == 0; }));
  }
}

TEST_CASE("levels go to planes and back, and what is no number is an error") {
  support::Bytes rgb(3 * 256), back(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i / 3);
  const Window window{{0, 16, 0, 16}, {0, 16, 0, 16}};
  std::vector<float> planes(3 * 256);
  to_planes({rgb.data(), 48, {16, 16}}, window, planes.data());
  const PixelBuffer out{back.data(), 48, {16, 16}};
  from_planes(planes.data(), window, 1, out);
  CHECK(back == rgb);
  planes[0] = -3.0F;
  planes[1] = 7.0F;
  planes[2] = 0.5F / 255;  // half goes to even
  from_planes(planes.data(), window, 1, out);
  CHECK(int{back[0]} == 0);
  CHECK(int{back[3]} == 255);
  CHECK(int{back[6]} == 0);
  planes[300] = std::numeric_limits<float>::quiet_NaN();
  CHECK_CONTAINS(support::message<BackendError>([&] { from_planes(planes.data(), window, 1, out); }), "NaN");
}
