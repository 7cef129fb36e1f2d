// What goes from one frame of a video to the next: the latent and the brightness.
#pragma once

#include <vector>

#include "brightness_track.hpp"
#include "latent_track.hpp"
#include "restorer.hpp"

namespace restorect {

class VideoTrack {
 public:
  /// Throws UsageError: values out of range, or that need a prior of its own.
  VideoTrack(const Restorer& restorer, int prior_every, double smooth);

  /// The next frame's latent; a frame of another size begins a scene. Called in the order of the frames.
  std::vector<float> latent(Restorer& restorer, const Pixels& image, Size padded);
  /// Whether a scene began with the frame of the last latent, which is said once.
  bool begins() { return track_.begins(); }
  /// The gain of the next restored picture, called in the order of the frames. `anew`: forget the scene.
  double gain(const Planes& picture, bool anew);
  /// Whether pictures have gains at all: without, they are passed on as they are.
  bool steadies() const { return smooth_ > 0; }
  void forget_brightness() { brightness_.reset(); }

  int priors() const { return track_.priors(); }
  int cuts() const { return track_.cuts(); }

 private:
  double smooth_;
  LatentTrack track_;
  BrightnessTrack brightness_;
  Size padded_{};
  Shape latent_shape_;
};

}  // namespace restorect
