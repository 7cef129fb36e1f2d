// The brightness of a video's restored frames, as restorect_edge/inference/video/brightness.py.
#pragma once

#include <optional>
#include <vector>

#include "tiling.hpp"

namespace restorect {

/// The visible part of a restored picture's three planes, each `plane` values of rows `stride` long.
struct Planes {
  const float* data;
  std::int64_t plane, stride;
  Size size;
};

/// The gain that holds the brightness of a scene that stands still. What is expected of each of 8×8 blocks
/// follows what is seen, e ← smooth·e + (1 − smooth)·seen, and the gain is the sum of what is expected over
/// the sum of what is seen; blocks in which something moves are left out of it. Where the blocks change apart
/// from each other, the camera moves: the gain is 1, and the expectation begins anew.
class BrightnessTrack {
 public:
  /// `smooth` is from 0, which switches it off, to below 1.
  explicit BrightnessTrack(double smooth) : smooth_(smooth) {}

  /// Return the gain of the next restored frame.
  double step(const Planes& picture);

  /// Forget the scene.
  void reset();

 private:
  std::optional<double> gain(const std::vector<double>& seen) const;

  double smooth_;
  std::vector<double> expected_;
  int still_ = 0;
};

}  // namespace restorect
