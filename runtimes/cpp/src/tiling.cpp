#include "tiling.hpp"

#include <algorithm>
#include <string>

#include "restorect/error.hpp"

namespace restorect {
namespace {

constexpr std::int64_t kMostWindows = 256;  // windows along an axis that are considered

std::int64_t divided_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

std::vector<Span> spans(std::int64_t length, std::int64_t window, std::int64_t halo) {
  if (window >= length) return {{0, window, 0, length}};
  if (window <= 2 * halo) {
    throw UsageError("a window of " + std::to_string(window) + " pixels keeps nothing: this network needs " +
                     std::to_string(halo) +
                     " pixels of context on each side, so windows must be larger than " +
                     std::to_string(2 * halo));
  }
  std::vector<Span> found;
  for (std::int64_t kept = 0; kept < length; kept = found.back().keep_to) {
    // the last window moves back into the image: graphs of a fixed shape need all of one size
    const std::int64_t start = std::min(std::max<std::int64_t>(kept - halo, 0), length - window);
    const std::int64_t stop = start + window;
    found.push_back({start, stop, kept, stop == length ? length : stop - halo});
  }
  return found;
}

/// Sides by number of windows along an axis less one, equally large.
std::vector<std::int64_t> sides(std::int64_t length, std::int64_t halo, std::int64_t multiple) {
  std::vector<std::int64_t> found{length};
  for (std::int64_t count = 2; count < kMostWindows; ++count) {
    const std::int64_t read = length + 2 * halo * (count - 1);
    const std::int64_t side = divided_up(read, count * multiple) * multiple;
    // more than half of such a window would be context, computed again by its neighbors
    if (side < 4 * halo) break;
    found.push_back(side);
  }
  return found;
}

}  // namespace

std::vector<Window> plan(Size padded, Size window, std::int64_t halo) {
  std::vector<Window> windows;
  const auto columns = spans(padded.width, window.width, halo);
  for (const Span& rows : spans(padded.height, window.height, halo)) {
    for (const Span& span : columns) windows.push_back({rows, span});
  }
  return windows;
}

Size best_window(Size padded, std::int64_t limit, std::int64_t halo, std::int64_t multiple) {
  const auto rows = sides(padded.height, halo, multiple), columns = sides(padded.width, halo, multiple);
  Size best{}, smallest = padded;
  std::int64_t least = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const Size window{rows[i], columns[j]};
      const std::int64_t work = static_cast<std::int64_t>((i + 1) * (j + 1)) * window.area();
      if (window.area() < smallest.area()) smallest = window;
      // of equals the first, which has the fewest rows, then columns
      if (window.area() > limit || (least != 0 && work >= least)) continue;
      best = window;
      least = work;
    }
  }
  return least != 0 ? best : smallest;
}

std::int64_t reflected(std::int64_t index, std::int64_t length) {
  if (length == 1) return 0;
  const std::int64_t period = 2 * (length - 1), place = index % period;
  return place < length ? place : period - place;
}

}  // namespace restorect
