#include "thumbnail.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace restorect {
namespace {

constexpr std::uint8_t kWhite = 255;

/// The cells that an output cell covers, and the share of each; shares sum to 1.
struct Cover {
  std::int64_t first;
  std::vector<float> shares;
};

std::vector<Cover> covers(std::int64_t cells, std::int64_t side) {
  std::vector<Cover> all(static_cast<std::size_t>(side));
  // in double precision, so that borders of cells fall where NumPy's do
  const double step = static_cast<double>(cells) / static_cast<double>(side);
  for (std::int64_t index = 0; index < side; ++index) {
    const double from = static_cast<double>(index) * step, to = static_cast<double>(index + 1) * step;
    Cover& cover = all[static_cast<std::size_t>(index)];
    cover.first = static_cast<std::int64_t>(from);
    for (std::int64_t cell = cover.first; cell < cells && static_cast<double>(cell) < to; ++cell) {
      const double left = std::max(static_cast<double>(cell), from);
      cover.shares.push_back(static_cast<float>((std::min(static_cast<double>(cell + 1), to) - left) / step));
    }
  }
  return all;
}

/// The moments of one row of blocks at a time.
///
/// The variance needs no squares: n·Σx² − (Σx)² = Σx·(255·n − Σx) − n·Σx·(255 − x). Products of bytes
/// x·(255 − x) are even and at most 127·128, so `Sum` of 16 bits holds eight of their halves; squares would
/// need 32 bits, and half as many fit in a vector register.
template <typename Sum, typename Wide, int kPool>
class Blocks {
 public:
  Blocks(const Pixels& image, Size padded, const PriorSpec& prior)
      : image_(image),
        side_(prior.pool),
        columns_(static_cast<std::size_t>(padded.width / prior.pool)),
        levels_(static_cast<std::size_t>(3 * padded.width)),
        products_(prior.deviation ? levels_.size() : 0) {}

  /// Write means, and deviations where they are wanted, into rows of `columns` cells for each channel.
  void row(std::int64_t index, float* cells) {
    std::fill(levels_.begin(), levels_.end(), Sum{0});
    std::fill(products_.begin(), products_.end(), Sum{0});
    const auto source = [&](std::int64_t y) {
      return image_.row(reflected(index * pool() + y, image_.size.height));
    };
    std::int64_t y = 0;
    // four rows at once: fewer passes over the sums
    for (; y + 4 <= pool(); y += 4) add<4>({source(y), source(y + 1), source(y + 2), source(y + 3)});
    for (; y < pool(); ++y) add<1>({source(y)});
    across(levels_);
    across(products_);
    for (std::size_t channel = 0; channel < 3; ++channel) write(channel, cells);
  }

 private:
  template <int kRows>
  void add(const std::array<const std::uint8_t*, kRows>& rows) {
    const auto count = static_cast<std::size_t>(3 * image_.size.width);
    // bytes may alias anything: without this promise the loops are not vectorized
    Sum* __restrict levels = levels_.data();
    Sum* __restrict products = products_.data();
    if (products_.empty()) {
      for (std::size_t i = 0; i < count; ++i) {
        Sum sum = 0;
        for (int row = 0; row < kRows; ++row) sum = static_cast<Sum>(sum + rows[row][i]);
        levels[i] = static_cast<Sum>(levels[i] + sum);
      }
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      Sum sum = 0, squares = 0;  // squares may wrap around: the sum of products, below, fits
      for (int row = 0; row < kRows; ++row) {
        const Sum level = rows[row][i];
        sum = static_cast<Sum>(sum + level);
        squares = static_cast<Sum>(squares + level * level);
      }
      levels[i] = static_cast<Sum>(levels[i] + sum);
      products[i] = static_cast<Sum>(products[i] + static_cast<Sum>(kWhite * sum - squares) / 2);
    }
  }

  /// Continue a row of pixels by reflection, and add to each its neighbor where blocks have an even side.
  void across(std::vector<Sum>& row) const {
    if (row.empty()) return;
    for (auto x = static_cast<std::size_t>(image_.size.width); x < row.size() / 3; ++x) {
      const auto source =
          static_cast<std::size_t>(reflected(static_cast<std::int64_t>(x), image_.size.width));
      std::copy_n(row.data() + 3 * source, 3, row.data() + 3 * x);
    }
    if (pool() % 2 != 0) return;
    Sum* values = row.data();
    for (std::size_t i = 0; i + 3 < row.size(); ++i) values[i] = static_cast<Sum>(values[i] + values[i + 3]);
  }

  void write(std::size_t channel, float* cells) const {
    const auto count = static_cast<Wide>(pool() * pool());
    const float share = 1.0F / static_cast<float>(count * kWhite);
    float* means = cells + channel * columns_;
    float* deviations = means + 3 * columns_;
    const Sum* level = levels_.data() + channel;
    const Sum* product = products_.data() + channel;
    for (std::size_t column = 0; column < columns_; ++column, level += 3 * pool(), product += 3 * pool()) {
      const Wide sum = total(level);
      means[column] = static_cast<float>(sum) * share;
      if (products_.empty()) continue;
      deviations[column] = static_cast<float>(sum * (kWhite * count - sum) - 2 * count * total(product));
    }
    if (products_.empty()) return;
    for (std::size_t column = 0; column < columns_; ++column)
      deviations[column] = std::sqrt(deviations[column]) * share;
  }

  /// Sum of a block, whose pixels are added in twos already where its side is even.
  Wide total(const Sum* row) const {
    const std::int64_t step = pool() % 2 == 0 ? 2 : 1;
    Wide sum = 0;
    for (std::int64_t x = 0; x < pool(); x += step) sum += row[3 * x];
    return sum;
  }

  /// Side of a block: a constant where the compiler may unroll.
  std::int64_t pool() const { return kPool == 0 ? side_ : kPool; }

  const Pixels& image_;
  std::int64_t side_;
  std::size_t columns_;
  std::vector<Sum> levels_, products_;
};

/// Resample line by line, so that nothing is larger than a few rows: of the blocks, then of the result.
template <typename Rows>
void resample(Rows rows, Size cells, std::size_t channels, Thumbnail& result) {
  const auto width = static_cast<std::size_t>(cells.width), side = result.side;
  std::vector<float> row(channels * width), line(channels * width);
  const auto down = covers(cells.height, static_cast<std::int64_t>(side));
  const auto across = covers(cells.width, static_cast<std::int64_t>(side));
  std::int64_t read = -1;
  for (std::size_t y = 0; y < side; ++y) {
    std::fill(line.begin(), line.end(), 0.0F);
    std::int64_t wanted = down[y].first;
    for (const float share : down[y].shares) {
      // lines of the result that meet share a row of blocks, which is made once
      if (wanted != read) rows(read = wanted, row.data());
      ++wanted;
      for (std::size_t i = 0; i < line.size(); ++i) line[i] += share * row[i];
    }
    for (std::size_t channel = 0; channel < channels; ++channel) {
      float* out = result.values.data() + (channel * side + y) * side;
      for (const Cover& cover : across) {
        const float* from = line.data() + channel * width + cover.first;
        float sum = 0;
        for (const float share : cover.shares) sum += share * *from++;
        *out++ = sum;
      }
    }
  }
}

template <typename Sum, typename Wide, int kPool>
void fill(const Pixels& image, Size padded, const PriorSpec& prior, Thumbnail& result) {
  Blocks<Sum, Wide, kPool> blocks(image, padded, prior);
  resample([&](std::int64_t index, float* cells) { blocks.row(index, cells); },
           {padded.height / prior.pool, padded.width / prior.pool}, result.channels(), result);
}

}  // namespace

Thumbnail thumbnail(const Pixels& image, Size padded, const PriorSpec& prior) {
  const auto side = static_cast<std::size_t>(prior.thumbnail);
  Thumbnail result{std::vector<float>((prior.deviation ? 6 : 3) * side * side), side};
  if (prior.pool == 4) {
    fill<std::uint16_t, std::uint32_t, 4>(image, padded, prior, result);
  } else {
    fill<std::uint32_t, std::uint64_t, 0>(image, padded, prior, result);
  }
  return result;
}

}  // namespace restorect
