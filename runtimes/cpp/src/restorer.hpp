// Restoration of RGB pixels by windows, as Runtime of restorect_edge/inference/base.py.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend.hpp"
#include "brightness_track.hpp"
#include "manifest.hpp"
#include "planes.hpp"
#include "restorect/restorect.hpp"
#include "thumbnail.hpp"

namespace restorect {

class Restorer {
 public:
  Restorer(const std::filesystem::path& artifact, const Options& options);

  /// Gives the latent of an image padded to a size; empty where the prior is part of the graph.
  using Latent = std::function<std::vector<float>(const Pixels&, Size)>;

  /// Gives the gain that a restored picture is multiplied by.
  using Gain = std::function<double(const Planes&)>;

  /// Convert, restore and convert back; `gain` is asked where a picture is restored in one piece.
  /// `steady`: it is one of many frames of its size.
  void restore(const Frame& from, const FrameBuffer& to, int tile, const Latent& latent,
               const Gain& gain = nullptr, bool steady = false);

  /// Wait for the call that runs, and hold up others: `restore` does so itself, the next three do not.
  std::unique_lock<std::mutex> turn() { return std::unique_lock<std::mutex>(turn_); }

  /// The prior's thumbnail, and what the prior makes of it.
  Thumbnail thumbnail(const Pixels& image, Size padded) const;
  std::vector<float> prior(const Thumbnail& thumbnail);
  std::vector<float> latent(const Pixels& image, Size padded);

  /// Of the prior's result: where several restorers share a video, the one that ran it tells the others.
  const Shape& latent_shape() const { return latent_shape_; }
  void set_latent_shape(const Shape& shape) { latent_shape_ = shape; }

  bool has_prior() const { return manifest_.prior.has_value(); }
  Size padded(Size size) const { return manifest_.padded(size); }
  const Info& info() const { return info_; }
  Timings timings() const;
  std::string provider() const { return sessions_.front()->provider(); }
  std::string warning() const;

 private:
  struct Fit {
    std::size_t graph;
    Size window;
  };

  Fit fit(Size padded, int tile) const;
  Size free_window(Size padded, int tile) const;
  std::string shapes() const;
  void restore_frame(const Frame& from, const FrameBuffer& to, int tile, const Latent& latent,
                     const Gain& gain);
  void restore_pixels(const Pixels& image, const PixelBuffer& result, int tile, const Latent& latent,
                      const Gain& gain);
  void restore_window(std::size_t graph, const Pixels& image, const Window& window,
                      const std::vector<float>& z, const Gain& gain, const PixelBuffer& result);

  /// What the network is given of an image, in memory of this object.
  Feed given(const Pixels& image, const Window& window);
  const float* planes_of(const std::uint8_t* levels, Size size);

  Manifest manifest_;
  Info info_;
  std::unique_ptr<Backend> backend_;

  std::mutex turn_;                                 // guards what follows: sessions have buffers of their own
  std::vector<std::unique_ptr<Session>> sessions_;  // one for each graph of the manifest
  Shape latent_shape_;
  bool steady_ = false;
  std::vector<float> planes_;
  std::vector<std::uint8_t> source_, result_, levels_;
  Timings timings_;

  mutable std::mutex last_lock_;
  Timings last_;
};

}  // namespace restorect
