#include "restorer.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "convert.hpp"
#include "saturation.hpp"

namespace restorect {
namespace {

/// Pixels that a network with free sides and local context gives at a time, unless the caller says: one that
/// enlarges has its largest tensors at the size of its output.
constexpr std::int64_t kLargestWindow = 2 << 20;

using Clock = std::chrono::steady_clock;

/// Adds the time until it is destroyed.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total) {}
  ~Stopwatch() { total_ += std::chrono::duration<double, std::milli>(Clock::now() - started_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& total_;
  Clock::time_point started_ = Clock::now();
};

std::string text(Size size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

void check_target(const Manifest& manifest) {
  if (manifest.levels && !backend_takes_levels()) {
    throw IncompatibleError(
        "'" + manifest.name +
        "' was exported with --io uint8, which this runtime does not feed; export it without");
  }
  const auto& able = backend_targets();
  if (std::find(able.begin(), able.end(), manifest.target) != able.end()) return;
  std::string known;
  for (const std::string& target : able) known += (known.empty() ? "" : ", ") + target;
  throw IncompatibleError("this build runs " + known + " artifacts, by " + backend_name() + "; '" +
                          manifest.name + "' was exported with --target " + manifest.target);
}

}  // namespace

Restorer::Restorer(const std::filesystem::path& artifact, const Options& options)
    : manifest_(open_artifact(artifact)) {
  check_target(manifest_);
  info_ = {manifest_.name, manifest_.task,  manifest_.target,          manifest_.precision,
           manifest_.form, manifest_.scale, manifest_.halo.has_value()};
  if (options.threads < 0) throw UsageError("threads is at least 1, got " + std::to_string(options.threads));
  backend_ = open_backend(options);
  for (const GraphFile& graph : manifest_.graphs) sessions_.push_back(backend_->open(artifact / graph.file));
}

std::string Restorer::warning() const {
  return backend_fuses() && backend_->device() == "cpu" ? saturation_warning(manifest_) : "";
}

void Restorer::restore(const Frame& from, const FrameBuffer& to, int tile, const Latent& latent,
                       const Gain& gain, bool steady) {
  check_pair(from, to, manifest_.scale);
  const auto alone = turn();
  steady_ = steady;
  timings_ = {};
  {
    const Stopwatch total(timings_.total);
    restore_frame(from, to, tile, latent, gain);
  }
  // they may be asked for while the next frame is restored
  const std::lock_guard<std::mutex> lock(last_lock_);
  last_ = timings_;
}

Timings Restorer::timings() const {
  const std::lock_guard<std::mutex> lock(last_lock_);
  return last_;
}

void Restorer::restore_frame(const Frame& from, const FrameBuffer& to, int tile, const Latent& latent,
                             const Gain& gain) {
  Pixels image{};
  PixelBuffer result{};
  {
    const Stopwatch stage(timings_.prepare);
    image = rgb_pixels(from, source_);
    result = result_pixels(to, result_);
  }
  restore_pixels(image, result, tile, latent, gain);
  const Stopwatch stage(timings_.finish);
  finish_result(result, to);
}

void Restorer::restore_pixels(const Pixels& image, const PixelBuffer& result, int tile, const Latent& latent,
                              const Gain& gain) {
  Size padded = manifest_.padded(image.size);
  const Fit found = fit(padded, tile);
  std::vector<float> z;
  {
    const Stopwatch stage(timings_.prior);
    z = latent(image, padded);
  }
  // a graph of fixed sides reads on where a smaller image ends, by reflection
  if (manifest_.graphs[found.graph].shape) {
    padded = {std::max(padded.height, found.window.height), std::max(padded.width, found.window.width)};
  }
  const auto windows = plan(padded, found.window, manifest_.aligned_halo());
  // a gain is of the whole picture, which no tile shows
  const Gain& asked = windows.size() > 1 ? nullptr : gain;
  for (const Window& window : windows) restore_window(found.graph, image, window, z, asked, result);
}

void Restorer::restore_window(std::size_t graph, const Pixels& image, const Window& window,
                              const std::vector<float>& z, const Gain& gain, const PixelBuffer& result) {
  const Size size = window.size();
  const auto height = static_cast<std::size_t>(size.height), width = static_cast<std::size_t>(size.width);
  const auto scale = static_cast<std::size_t>(manifest_.scale);
  const Feed fed = given(image, window);
  Output restored;
  {
    const Stopwatch stage(timings_.model);
    if (steady_) sessions_[graph]->settle(fed.shape);
    std::vector<Feed> feeds{fed};
    if (!z.empty()) feeds.push_back({"z", z.data(), latent_shape_});
    restored = sessions_[graph]->run(feeds);
  }
  const Shape expected = manifest_.levels ? Shape{1, height * scale, width * scale, 3}
                                          : Shape{1, 3, height * scale, width * scale};
  if (restored.shape != expected) {
    throw IncompatibleError("the network gave another size than " + text(size) + " times its scale, " +
                            std::to_string(scale) + "; export it again");
  }
  const Stopwatch stage(timings_.finish);
  const std::int64_t stride = size.width * manifest_.scale;
  if (restored.levels != nullptr) {
    if (!gain) return from_levels(restored.levels, window, manifest_.scale, result);
    restored.data = planes_of(restored.levels, {size.height * manifest_.scale, stride});
  }
  const Planes picture{restored.data, stride * size.height * manifest_.scale, stride, result.size};
  const double factor = gain ? gain(picture) : 1;
  from_planes(restored.data, window, manifest_.scale, result, static_cast<float>(factor));
}

Feed Restorer::given(const Pixels& image, const Window& window) {
  const Stopwatch stage(timings_.prepare);
  const auto height = static_cast<std::size_t>(window.size().height);
  const auto width = static_cast<std::size_t>(window.size().width);
  if (manifest_.levels) {
    levels_.resize(3 * height * width);
    to_levels(image, window, levels_.data());
    return {"image", nullptr, {1, height, width, 3}, levels_.data()};
  }
  planes_.resize(3 * height * width);
  to_planes(image, window, planes_.data());
  return {"image", planes_.data(), {1, 3, height, width}};
}

const float* Restorer::planes_of(const std::uint8_t* levels, Size size) {
  planes_.resize(static_cast<std::size_t>(3 * size.area()));
  const Window whole{{0, size.height, 0, size.height}, {0, size.width, 0, size.width}};
  to_planes({levels, static_cast<std::size_t>(3 * size.width), size}, whole, planes_.data());
  return planes_.data();
}

Restorer::Fit Restorer::fit(Size padded, int tile) const {
  const GraphFile* largest = nullptr;
  const GraphFile* chosen = nullptr;
  for (const GraphFile& graph : manifest_.graphs) {
    if (graph.role == "prior") continue;
    const auto index = static_cast<std::size_t>(&graph - manifest_.graphs.data());
    if (!graph.shape) return {index, free_window(padded, tile)};
    const bool holds = graph.shape->height >= padded.height && graph.shape->width >= padded.width;
    if (holds && (chosen == nullptr || graph.shape->area() < chosen->shape->area())) chosen = &graph;
    if (largest == nullptr || graph.shape->area() > largest->shape->area()) largest = &graph;
  }
  if (tile != 0) {
    throw UsageError("this artifact's sides are fixed at " + shapes() + ", so a tile of " +
                     std::to_string(tile) + " cannot be chosen; export with --dynamic for free tiles");
  }
  if (chosen == nullptr && !manifest_.halo) {
    throw IncompatibleError("a " + std::to_string(padded.width) + "×" + std::to_string(padded.height) +
                            " image does not fit: this artifact takes up to " + shapes() +
                            " (height x width); export again with --shapes " + text(padded) +
                            ", or with --form split or --dynamic for any size");
  }
  if (chosen == nullptr) chosen = largest;
  return {static_cast<std::size_t>(chosen - manifest_.graphs.data()), *chosen->shape};
}

Size Restorer::free_window(Size padded, int tile) const {
  if (tile < 0) throw UsageError("a tile has at least 1 pixel, got " + std::to_string(tile));
  if (!manifest_.halo) {
    if (tile == 0) return padded;
    throw UsageError(
        "this network looks at the whole image, so tiles would change the result; export with --form split "
        "to tile "
        "exactly");
  }
  const std::int64_t halo = manifest_.aligned_halo();
  const std::int64_t limit = kLargestWindow / (manifest_.scale * manifest_.scale);
  const Size window = tile == 0 ? best_window(padded, limit, halo, manifest_.multiple_of)
                                : Size{tile + 2 * halo, tile + 2 * halo};
  const Size aligned = manifest_.padded(window);
  return {std::min(aligned.height, padded.height), std::min(aligned.width, padded.width)};
}

std::string Restorer::shapes() const {
  std::string list;
  for (const GraphFile& graph : manifest_.graphs) {
    if (graph.shape) list += (list.empty() ? "" : ", ") + text(*graph.shape);
  }
  return list;
}

Thumbnail Restorer::thumbnail(const Pixels& image, Size padded) const {
  return restorect::thumbnail(image, padded, *manifest_.prior);
}

std::vector<float> Restorer::prior(const Thumbnail& thumbnail) {
  const auto is_prior = [](const GraphFile& graph) { return graph.role == "prior"; };
  const auto graph = std::find_if(manifest_.graphs.begin(), manifest_.graphs.end(), is_prior);
  const Output z = sessions_[static_cast<std::size_t>(graph - manifest_.graphs.begin())]->run(
      {{"thumbnail", thumbnail.values.data(), {1, thumbnail.channels(), thumbnail.side, thumbnail.side}}});
  latent_shape_ = z.shape;
  // a copy: the session writes into the same memory next time
  return {z.data,
          z.data + std::accumulate(z.shape.begin(), z.shape.end(), std::size_t{1}, std::multiplies<>())};
}

std::vector<float> Restorer::latent(const Pixels& image, Size padded) {
  return has_prior() ? prior(thumbnail(image, padded)) : std::vector<float>{};
}

}  // namespace restorect
