#include "brightness_track.hpp"

#include <algorithm>
#include <cmath>

namespace restorect {
namespace {

constexpr std::int64_t kBlocks = 8;     // along each side of a picture
constexpr double kStill = 0.016;        // how far half of the blocks may change apart from each other
constexpr int kStreak = 3;              // frames that a scene must have stood still for
constexpr double kMoved = 0.1;          // change apart from which a block shows something that moves
constexpr double kLargest = 0.2;        // change of brightness from which it is the scene's own
constexpr double kDarkest = 0.1 / 255;  // level that a block counts with at least

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Mean levels of 8×8 blocks or fewer; rows and columns that are over are left out.
std::vector<double> blocks(const Planes& picture) {
  const std::int64_t rows = std::min(kBlocks, picture.size.height);
  const std::int64_t columns = std::min(kBlocks, picture.size.width);
  const std::int64_t tall = picture.size.height / rows, wide = picture.size.width / columns;
  std::vector<double> levels(static_cast<std::size_t>(rows * columns));
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    for (std::int64_t y = 0; y < rows * tall; ++y) {
      const float* row = picture.data + channel * picture.plane + y * picture.stride;
      for (std::int64_t column = 0; column < columns; ++column) {
        float sum = 0;
        for (std::int64_t x = column * wide; x < (column + 1) * wide; ++x) sum += row[x];
        levels[static_cast<std::size_t>(y / tall * columns + column)] += static_cast<double>(sum);
      }
    }
  }
  const auto count = static_cast<double>(3 * tall * wide);
  for (double& level : levels) level = std::max(level / count, kDarkest);
  return levels;
}

}  // namespace

double BrightnessTrack::step(const Planes& picture) {
  if (smooth_ <= 0) return 1;
  std::vector<double> seen = blocks(picture);
  const std::optional<double> found = gain(seen);
  if (!found) {
    expected_ = std::move(seen);
    still_ = 0;
    return 1;
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    expected_[i] = smooth_ * expected_[i] + (1 - smooth_) * seen[i];
  }
  return ++still_ >= kStreak ? *found : 1;
}

void BrightnessTrack::reset() {
  expected_.clear();
  still_ = 0;
}

/// What makes blocks as bright as expected; nothing where the scene does not stand still.
std::optional<double> BrightnessTrack::gain(const std::vector<double>& seen) const {
  if (expected_.size() != seen.size()) return std::nullopt;
  std::vector<double> apart(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) apart[i] = seen[i] / expected_[i];
  const double common = median(apart);
  double wanted = 0, found = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    apart[i] = std::abs(apart[i] / common - 1);
    if (apart[i] > kMoved) continue;
    wanted += expected_[i];
    found += seen[i];
  }
  if (median(apart) > kStill || std::abs(wanted / found - 1) >= kLargest) return std::nullopt;
  return wanted / found;
}

}  // namespace restorect
