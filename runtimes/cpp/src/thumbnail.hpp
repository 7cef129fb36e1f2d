// What the prior looks at.
#pragma once

#include <cstddef>
#include <vector>

#include "manifest.hpp"
#include "planes.hpp"

namespace restorect {

/// Planes of side × side values in [0, 1]: red, green and blue, then, where the prior takes them, the
/// standard deviation of each.
struct Thumbnail {
  std::vector<float> values;
  std::size_t side;

  std::size_t channels() const { return values.size() / (side * side); }
};

/// Return the means of blocks of `prior.pool` pixels of the padded image, and with `prior.deviation` the
/// population standard deviation inside each block, both resampled exactly by area.
///
/// `padded` has sides that are multiples of the pool.
Thumbnail thumbnail(const Pixels& image, Size padded, const PriorSpec& prior);

}  // namespace restorect
