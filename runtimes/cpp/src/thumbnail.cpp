#include <algorithm>
#include <cstddef>

#include "planes.hpp"

namespace restorect {
namespace {

/// Sum `pool` rows of the padded image, channels interleaved, into `sums` (3 · padded width).
void sum_rows(const Pixels& image, std::int64_t top, int pool, std::vector<std::uint32_t>& sums) {
  std::fill(sums.begin(), sums.end(), 0U);
  const auto values = static_cast<std::size_t>(3 * image.size.width);
  for (int row = 0; row < pool; ++row) {
    const std::uint8_t* from = image.row(reflected(top + row, image.size.height));
    for (std::size_t i = 0; i < values; ++i) sums[i] += from[i];
  }
  for (std::size_t x = values / 3; x < sums.size() / 3; ++x) {
    const auto source = static_cast<std::size_t>(reflected(static_cast<std::int64_t>(x), image.size.width));
    std::copy_n(sums.begin() + static_cast<std::ptrdiff_t>(3 * source), 3,
                sums.begin() + static_cast<std::ptrdiff_t>(3 * x));
  }
}

/// Return the means of blocks, (3, H/pool, W/pool), in [0, 1].
std::vector<float> block_means(const Pixels& image, Size padded, int pool) {
  const std::int64_t rows = padded.height / pool, columns = padded.width / pool;
  std::vector<float> cells(static_cast<std::size_t>(3 * rows * columns));
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(3 * padded.width));
  const float share = 1.0F / static_cast<float>(pool * pool * 255);
  for (std::int64_t row = 0; row < rows; ++row) {
    sum_rows(image, row * pool, pool, sums);
    for (std::int64_t column = 0; column < columns; ++column) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        std::uint32_t sum = 0;
        for (std::int64_t x = column * pool; x < (column + 1) * pool; ++x) {
          sum += sums[static_cast<std::size_t>(3 * x + channel)];
        }
        cells[static_cast<std::size_t>((channel * rows + row) * columns + column)] =
            static_cast<float>(sum) * share;
      }
    }
  }
  return cells;
}

/// Area-average the middle axis of (3, n, m) to `side` and swap the last two axes: (3, m, side).
std::vector<float> resampled(const std::vector<float>& cells, std::int64_t n, std::int64_t m,
                             std::int64_t side) {
  std::vector<float> out(static_cast<std::size_t>(3 * m * side));
  const float step = static_cast<float>(static_cast<double>(n) / static_cast<double>(side));
  const float share = static_cast<float>(static_cast<double>(side) / static_cast<double>(n));
  for (std::int64_t index = 0; index < side; ++index) {
    const float from = static_cast<float>(index) * step, to = static_cast<float>(index + 1) * step;
    const std::int64_t last = std::min(n - 1, static_cast<std::int64_t>(to));
    for (std::int64_t k = static_cast<std::int64_t>(from); k <= last; ++k) {
      const float left = std::max(static_cast<float>(k), from);
      const float weight = std::max(0.0F, std::min(static_cast<float>(k + 1), to) - left) * share;
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const float* row = cells.data() + (channel * n + k) * m;
        float* column = out.data() + channel * m * side + index;
        for (std::int64_t x = 0; x < m; ++x) column[x * side] += weight * row[x];
      }
    }
  }
  return out;
}

}  // namespace

std::vector<float> thumbnail(const Pixels& image, Size padded, int side, int pool) {
  const std::int64_t rows = padded.height / pool, columns = padded.width / pool;
  const auto turned = resampled(block_means(image, padded, pool), rows, columns, side);
  return resampled(turned, columns, side, side);
}

}  // namespace restorect
