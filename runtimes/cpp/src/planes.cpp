#include "planes.hpp"

#include <algorithm>
#include <cstring>

#include "restorect/error.hpp"

namespace restorect {
namespace {

/// Convert `count` pixels of one row into three rows of planes.
void split_row(const std::uint8_t* from, std::int64_t count, float* red, float* green, float* blue) {
  // multiplied by, as in Python: a division would round some levels differently
  constexpr float kLevel = 1.0F / 255;
  for (std::int64_t x = 0; x < count; ++x) {
    red[x] = static_cast<float>(from[3 * x]) * kLevel;
    green[x] = static_cast<float>(from[3 * x + 1]) * kLevel;
    blue[x] = static_cast<float>(from[3 * x + 2]) * kLevel;
  }
}

/// Round a row of one plane to levels, half to even; returns whether all values are numbers.
///
/// Adding 2²³ leaves no bits for a fraction, so the addition itself rounds, and the level is in the lowest
/// byte. Unlike a call of `rint`, compilers turn this into vector instructions.
bool rounded(const float* from, std::int64_t count, float gain, std::uint8_t* levels) {
  int unordered = 0;
  for (std::int64_t x = 0; x < count; ++x) {
    const float value = from[x] * gain;
    // gathered instead of thrown here, which would keep the loop from being vectorized
    unordered |= static_cast<int>(value != value);
    const float above = value > 0.0F ? value : 0.0F;
    const float within = (above < 1.0F ? above : 1.0F) * 255.0F + 8388608.0F;
    std::uint32_t bits;
    std::memcpy(&bits, &within, sizeof bits);
    levels[x] = static_cast<std::uint8_t>(bits);
  }
  return unordered == 0;
}

/** Give `take` (row, column, pixels, count) of a window in runs: what lies inside, then each reflected pixel.
 */
template <typename Take>
void each_run(const Pixels& image, const Window& window, Take take) {
  const Size size = window.size();
  const std::int64_t first = window.columns.start;
  const std::int64_t inside =
      std::max<std::int64_t>(0, std::min(window.columns.stop, image.size.width) - first);
  for (std::int64_t y = 0; y < size.height; ++y) {
    const std::uint8_t* from = image.row(reflected(window.rows.start + y, image.size.height));
    if (inside > 0) take(y, std::int64_t{0}, from + 3 * first, inside);
    for (std::int64_t x = inside; x < size.width; ++x)
      take(y, x, from + 3 * reflected(first + x, image.size.width), std::int64_t{1});
  }
}

}  // namespace

void to_planes(const Pixels& image, const Window& window, float* planes) {
  const std::int64_t width = window.size().width, area = window.size().area();
  each_run(image, window, [=](std::int64_t y, std::int64_t x, const std::uint8_t* from, std::int64_t count) {
    float* red = planes + y * width + x;
    split_row(from, count, red, red + area, red + 2 * area);
  });
}

void to_levels(const Pixels& image, const Window& window, std::uint8_t* levels) {
  const std::int64_t width = window.size().width;
  each_run(image, window, [=](std::int64_t y, std::int64_t x, const std::uint8_t* from, std::int64_t count) {
    std::copy_n(from, 3 * count, levels + 3 * (y * width + x));
  });
}

void from_levels(const std::uint8_t* levels, const Window& window, int scale, const PixelBuffer& out) {
  const std::int64_t top = window.rows.keep_from * scale, left = window.columns.keep_from * scale;
  const std::int64_t bottom = std::min(window.rows.keep_to * scale, out.size.height);
  const std::int64_t count = std::min(window.columns.keep_to * scale, out.size.width) - left;
  const std::int64_t width = window.size().width * scale;
  for (std::int64_t y = top; count > 0 && y < bottom; ++y) {
    const std::int64_t first = (y - window.rows.start * scale) * width + left - window.columns.start * scale;
    std::copy_n(levels + 3 * first, 3 * count, out.row(y) + 3 * left);
  }
}

void from_planes(const float* planes, const Window& window, int scale, const PixelBuffer& out, float gain) {
  const std::int64_t top = window.rows.keep_from * scale, left = window.columns.keep_from * scale;
  const std::int64_t bottom = std::min(window.rows.keep_to * scale, out.size.height);
  const std::int64_t count = std::min(window.columns.keep_to * scale, out.size.width) - left;
  if (count <= 0) return;
  const std::int64_t width = window.size().width * scale, area = window.size().area() * scale * scale;
  const auto length = static_cast<std::size_t>(count);
  std::vector<std::uint8_t> levels(3 * length);
  for (std::int64_t y = top; y < bottom; ++y) {
    const float* from =
        planes + (y - window.rows.start * scale) * width + (left - window.columns.start * scale);
    bool numbers = true;
    for (std::size_t c = 0; c < 3; ++c) {
      numbers &= rounded(from + static_cast<std::int64_t>(c) * area, count, gain, levels.data() + c * length);
    }
    if (!numbers) throw BackendError("the network gave values that are not numbers (NaN) for this image");
    std::uint8_t* to = out.row(y) + 3 * left;
    const std::uint8_t *red = levels.data(), *green = red + length, *blue = green + length;
    for (std::size_t x = 0; x < length; ++x) {
      to[3 * x] = red[x];
      to[3 * x + 1] = green[x];
      to[3 * x + 2] = blue[x];
    }
  }
}

}  // namespace restorect
