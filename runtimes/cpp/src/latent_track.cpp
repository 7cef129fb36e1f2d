#include "latent_track.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "restorect/error.hpp"

namespace restorect {
namespace {

constexpr double kCut = 0.5;  // `changed` from which a thumbnail shows another scene

}  // namespace

double changed(const Thumbnail& before, const Thumbnail& after) {
  const std::size_t means = 3 * before.side * before.side;
  double sum = 0, difference = 0;
  for (std::size_t i = 0; i < means; ++i) {
    sum += before.values[i] + after.values[i];
    difference += std::abs(after.values[i] - before.values[i]);
  }
  const auto count = static_cast<double>(means);
  return difference / count / std::max(sum / count / 2, 1.0 / 255);
}

LatentTrack::LatentTrack(int prior_every, double smooth)
    : prior_every_(prior_every), smooth_(static_cast<float>(smooth)) {
  if (prior_every < 1)
    throw UsageError("prior_every is at least 1 frame, got " + std::to_string(prior_every));
  if (!(smooth >= 0 && smooth < 1)) {
    std::ostringstream text;
    text << "smooth is from 0 to below 1, got " << smooth << "; 0 switches it off";
    throw UsageError(text.str());
  }
}

const std::vector<float>& LatentTrack::step(
    const std::function<Thumbnail()>& thumbnail,
    const std::function<std::vector<float>(const Thumbnail&)>& prior) {
  if (target_.empty() || since_ == prior_every_) {
    Thumbnail current = thumbnail();
    std::vector<float> target = prior(current);
    if (thumbnail_ && changed(*thumbnail_, current) >= kCut) {
      ++cuts_;
      z_.clear();
      begins_ = true;
    }
    thumbnail_ = std::move(current);
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
  thumbnail_.reset();
  target_.clear();
  z_.clear();
  begins_ = true;
}

}  // namespace restorect
