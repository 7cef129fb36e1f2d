// The latent of a video, as LatentTrack of restorect_edge/inference/video/stream.py.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "thumbnail.hpp"

namespace restorect {

/// Every `prior_every` frames the prior gives a target. The latent goes towards it on every frame,
/// z ← smooth·z + (1 − smooth)·target, and is set to it at once at the start and after a cut.
class LatentTrack {
 public:
  /// Throws UsageError: values out of range.
  LatentTrack(int prior_every, double smooth);

  /// Return the next frame's latent. `thumbnail` is called when it is the prior's turn only, `prior` on what
  /// it gives. Where either throws, the next frame tries again.
  const std::vector<float>& step(const std::function<Thumbnail()>& thumbnail,
                                 const std::function<std::vector<float>(const Thumbnail&)>& prior);

  /// Forget the scene, so that the next frame's own latent counts.
  void reset();

  int priors() const { return priors_; }
  int cuts() const { return cuts_; }

  /// Whether a scene began with the last step, which is said once.
  bool begins() { return std::exchange(begins_, false); }

 private:
  int prior_every_;
  float smooth_;
  int since_ = 0;
  std::atomic<int> priors_{0}, cuts_{0};  // read while another thread restores a frame
  std::optional<Thumbnail> thumbnail_;    // of the last run of the prior
  std::vector<float> target_, z_;
  bool begins_ = false;
};

/// How different two thumbnails are: mean absolute difference over mean level, 0 to 2.
///
/// Of the means alone: deviations, where there are any, are noise and texture, which change with the gain of
/// a camera and say nothing of the scene.
double changed(const Thumbnail& before, const Thumbnail& after);

}  // namespace restorect
