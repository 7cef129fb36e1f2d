#include <mutex>

#include "convert.hpp"
#include "latent_track.hpp"
#include "restorect/restorect.hpp"
#include "restorer.hpp"

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

struct Stream::State {
  std::shared_ptr<Restorer> restorer;
  int tile;
  LatentTrack track;
  bool fixed_copy;
  Size padded{};
  std::mutex busy{};

  std::vector<float> latent(const Pixels& image, Size size) {
    if (!restorer->has_prior()) return {};
    if (size != padded) {
      track.reset();
      padded = size;
    }
    return track.step([&] { return restorer->thumbnail(image, size); },
                      [&](const Thumbnail& thumbnail) { return restorer->prior(thumbnail); });
  }
};

Stream::Stream(const Runtime& runtime, const StreamOptions& options)
    : state_(new State{runtime.restorer_,
                       options.tile,
                       LatentTrack(options.prior_every, options.smooth),
                       options.fixed_copy,
                       {},
                       {}}) {
  if (!runtime.restorer_->has_prior() && (options.prior_every > 1 || options.smooth > 0)) {
    throw UsageError("prior_every and smooth need a prior of its own, and '" + runtime.info().name +
                     "' is one graph here; export it with --form split");
  }
}

Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

void Stream::operator()(const Frame& from, const FrameBuffer& to) {
  const std::unique_lock<std::mutex> alone(state_->busy, std::try_to_lock);
  if (!alone) {
    throw UsageError(
        "this stream is in use by another thread: a video's frames are restored one after the other; open a "
        "stream for each thread, all of one runtime if need be");
  }
  const auto latent = [this](const Pixels& image, Size padded) { return state_->latent(image, padded); };
  state_->restorer->restore(from, to, state_->tile, latent, &state_->track.brightness(), state_->fixed_copy);
}

int Stream::priors() const { return state_->track.priors(); }
int Stream::cuts() const { return state_->track.cuts(); }

}  // namespace restorect
