#include "video_track.hpp"

namespace restorect {

VideoTrack::VideoTrack(const Restorer& restorer, int prior_every, double smooth)
    : smooth_(smooth), track_(prior_every, smooth), brightness_(smooth) {
  if (!restorer.has_prior() && (prior_every > 1 || smooth > 0)) {
    throw UsageError("prior_every and smooth need a prior of its own, and '" + restorer.info().name +
                     "' is one graph here; export it with --form split");
  }
}

std::vector<float> VideoTrack::latent(Restorer& restorer, const Pixels& image, Size padded) {
  if (!restorer.has_prior()) return {};
  if (padded != padded_) {
    track_.reset();
    padded_ = padded;
  }
  // the prior may run elsewhere than on the restorer that uses what it gave
  if (!latent_shape_.empty()) restorer.set_latent_shape(latent_shape_);
  std::vector<float> z = track_.step([&] { return restorer.thumbnail(image, padded); },
                                     [&](const Thumbnail& thumbnail) { return restorer.prior(thumbnail); });
  latent_shape_ = restorer.latent_shape();
  return z;
}

double VideoTrack::gain(const Planes& picture, bool anew) {
  if (anew) brightness_.reset();
  return brightness_.step(picture);
}

}  // namespace restorect
