#include "latent_track.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "restorect/error.hpp"

namespace restorect {
namespace {

constexpr double kCut = 0.5;  // `changed` from which a thumbnail shows another scene

}  // namespace

double changed(const std::vector<float>& before, const std::vector<float>& after) {
  double sum = 0, difference = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    sum += before[i] + after[i];
    difference += std::abs(after[i] - before[i]);
  }
  const auto count = static_cast<double>(before.size());
  return difference / count / std::max(sum / count / 2, 1.0 / 255);
}

LatentTrack::LatentTrack(int prior_every, double smooth)
    : prior_every_(prior_every), smooth_(static_cast<float>(smooth)), brightness_(smooth) {
  if (prior_every < 1)
    throw UsageError("prior_every is at least 1 frame, got " + std::to_string(prior_every));
  if (!(smooth >= 0 && smooth < 1)) {
    std::ostringstream text;
    text << "smooth is from 0 to below 1, got " << smooth << "; 0 switches it off";
    throw UsageError(text.str());
  }
}

const std::vector<float>& LatentTrack::step(
    const std::function<std::vector<float>()>& thumbnail,
    const std::function<std::vector<float>(const std::vector<float>&)>& prior) {
  if (target_.empty() || since_ == prior_every_) {
    std::vector<float> seen = thumbnail();
    std::vector<float> target = prior(seen);
    if (!seen_.empty() && changed(seen_, seen) >= kCut) {
      ++cuts_;
      z_.clear();
      brightness_.reset();
    }
    seen_ = std::move(seen);
    target_ = std::move(target);
    since_ = 0;
    ++priors_;
  }
  ++since_;
  if (z_.empty()) {
    z_ = target_;
  } else {
    for (std::size_t i = 0; i < z_.size(); ++i) z_[i] = smooth_ * z_[i] + (1 - smooth_) * target_[i];
  }
  return z_;
}

void LatentTrack::reset() {
  seen_.clear();
  target_.clear();
  z_.clear();
  brightness_.reset();
}

}  // namespace restorect
