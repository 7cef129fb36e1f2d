#include <mutex>

#include "convert.hpp"
#include "restorect/restorect.hpp"
#include "restorer.hpp"
#include "video_track.hpp"

namespace restorect {

std::string chosen_device(const std::string& asked, const std::vector<std::string>& present) {
  if (present.empty())
    throw BackendError("the " + backend_name() + " runtime finds no device on this machine");
  if (asked == "auto") return present.front();
  std::string list;
  for (const std::string& device : present) {
    if (device == asked) return device;
    list += (list.empty() ? "" : ", ") + device;
  }
  throw BackendError("device '" + asked + "' is not available to the " + backend_name() +
                     " runtime; here: " + list);
}

Runtime::Runtime(const std::filesystem::path& artifact, const Options& options)
    : restorer_(std::make_shared<Restorer>(artifact, options)) {}

void Runtime::operator()(const Frame& from, const FrameBuffer& to, int tile) {
  restorer_->restore(from, to, tile,
                     [this](const Pixels& image, Size padded) { return restorer_->latent(image, padded); });
}

std::vector<float> Runtime::latent(const Frame& frame) {
  check_buffer(frame.format, frame.data, frame.size);
  std::vector<std::uint8_t> memory;
  const Pixels image = rgb_pixels(frame, memory);
  const auto turn = restorer_->turn();
  return restorer_->latent(image, restorer_->padded(image.size));
}

const Info& Runtime::info() const { return restorer_->info(); }
Timings Runtime::timings() const { return restorer_->timings(); }
std::string Runtime::provider() const { return restorer_->provider(); }
std::string Runtime::warning() const { return restorer_->warning(); }

struct VideoRestorer::State {
  std::shared_ptr<Restorer> restorer;
  int tile;
  VideoTrack track;
  bool fixed_copy;
  std::mutex busy{};
};

VideoRestorer::VideoRestorer(const Runtime& runtime, const VideoOptions& options)
    : state_(new State{runtime.restorer_,
                       options.tile,
                       VideoTrack(*runtime.restorer_, options.prior_every, options.smooth),
                       options.fixed_copy,
                       {}}) {}

VideoRestorer::VideoRestorer(VideoRestorer&&) noexcept = default;
VideoRestorer& VideoRestorer::operator=(VideoRestorer&&) noexcept = default;
VideoRestorer::~VideoRestorer() = default;

void VideoRestorer::operator()(const Frame& from, const FrameBuffer& to) {
  const std::unique_lock<std::mutex> alone(state_->busy, std::try_to_lock);
  if (!alone) {
    throw UsageError(
        "this stream is in use by another thread: a video's frames are restored one after the other; open a "
        "stream for each thread, all of one runtime if need be");
  }
  State& state = *state_;
  const auto latent = [&](const Pixels& image, Size padded) {
    return state.track.latent(*state.restorer, image, padded);
  };
  const auto gain = [&](const Planes& picture) { return state.track.gain(picture, state.track.begins()); };
  state.restorer->restore(from, to, state.tile, latent,
                          state.track.steadies() ? Restorer::Gain(gain) : nullptr, state.fixed_copy);
}

int VideoRestorer::priors() const { return state_->track.priors(); }
int VideoRestorer::cuts() const { return state_->track.cuts(); }

}  // namespace restorect
