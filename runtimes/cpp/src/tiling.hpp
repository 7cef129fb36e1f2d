// Exact tiling, as in restorect_edge/inference/tiling.py: an image is thought of as padded at the bottom and
// right, by reflection, to the size that the network takes. Windows never leave that padded image.
#pragma once

#include <cstdint>
#include <vector>

namespace restorect {

/// (height, width), wide enough for any product of sides.
struct Size {
  std::int64_t height = 0, width = 0;
  std::int64_t area() const { return height * width; }
  friend bool operator==(const Size& a, const Size& b) { return a.height == b.height && a.width == b.width; }
  friend bool operator!=(const Size& a, const Size& b) { return !(a == b); }
};

/// One axis of a window: what is read, and which part of the result is kept.
struct Span {
  std::int64_t start, stop, keep_from, keep_to;
  std::int64_t length() const { return stop - start; }
};

struct Window {
  Span rows, columns;
  Size size() const { return {rows.length(), columns.length()}; }
};

/// Cover a padded image with windows of one size. Throws UsageError: a window no larger than twice the halo.
std::vector<Window> plan(Size padded, Size window, std::int64_t halo);

/// Return the window of at most `limit` pixels that covers a padded image with the least work.
Size best_window(Size padded, std::int64_t limit, std::int64_t halo, std::int64_t multiple);

/// Return `index` of an axis of `length` pixels continued by reflection about its ends.
std::int64_t reflected(std::int64_t index, std::int64_t length);

}  // namespace restorect
