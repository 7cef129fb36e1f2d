// Restore images and video with an artifact made by restorect_edge.export.
//
//   restorect::Runtime restore("out/lowlight-small-openvino-fp32-split-dynamic");
//   restore({format, pixels.data(), pixels.size()}, {format, result.data(), result.size()});
//
// The contract is that of restorect_edge.load: the same checks, sizes, tiles and results.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "restorect/error.hpp"
#include "restorect/export.h"
#include "restorect/frame.hpp"

namespace restorect {

struct Options {
  /// `auto` for the back end's first choice; OpenVINO has cpu, gpu and npu, TensorRT cuda.
  std::string device = "auto";
  /// CPU threads; 0 leaves it to the back end.
  int threads = 0;
};

/// What an artifact's manifest says of it.
struct Info {
  std::string name, task, target, precision, form;
  /// Output side over input side.
  int scale = 1;
  /// Whether restoring by tiles equals restoring the whole image.
  bool tileable = false;
};

/// Milliseconds of each stage of a call.
struct Timings {
  double prepare = 0, prior = 0, model = 0, finish = 0, total = 0;
};

class Restorer;

/// A network ready to run. Any number of threads may call one at once: each gets the result of its own frame,
/// and they wait for each other, since one call uses all of the runtime's threads. Load it again, with fewer
/// threads, for calls that run side by side. Destroy it after the last call has returned.
class RESTORECT_API Runtime {
 public:
  /// Read and check an artifact directory: manifest, schema version and the sha256 of every file.
  ///
  /// Throws UsageError: no such directory. IncompatibleError: a damaged, edited or newer artifact, or one for
  /// another back end. BackendError: the device is absent (those present are listed), or the back end failed.
  explicit Runtime(const std::filesystem::path& artifact, const Options& options = {});

  /// Restore a frame of any size that the artifact takes.
  ///
  /// `to` is `scale` times as large as `from`, in any layout, and does not overlap it. `tile` is the side of
  /// what each tile contributes, in pixels, for artifacts that tile and whose sides are free; 0 tiles large
  /// frames only.
  ///
  /// Throws UsageError: a frame or tile that does not fit. IncompatibleError: fixed sides that cannot take
  /// it.
  void operator()(const Frame& from, const FrameBuffer& to, int tile = 0);

  /// What the prior gives for a frame; empty where it is part of the one graph.
  std::vector<float> latent(const Frame& frame);

  const Info& info() const;
  /// Of the last call that returned, whichever thread's it was.
  Timings timings() const;
  /// What really runs: library, version and device.
  std::string provider() const;
  /// Why results may be poor here, such as INT8 that can saturate on this CPU; empty where there is no
  /// reason.
  std::string warning() const;

 private:
  friend class VideoRestorer;
  std::shared_ptr<Restorer> restorer_;
};

struct VideoOptions {
  /// Frames from one run of the prior to the next, so also how long a cut may go unseen.
  int prior_every = 1;
  /// Share kept from the frame before, from 0 (none) to below 1: of the latent, and of the brightness of a
  /// scene that stands still, where its frames are restored in one piece.
  double smooth = 0;
  int tile = 0;
  /// Let OpenVINO compile graphs with free sides for the frames' size in the background, and go on twice as
  /// fast with that; values may then differ in their last bit.
  bool fixed_copy = true;
};

/// The frames of one video, restored in order: the prior now and then, its latent smoothed in time, the body
/// on every frame. It keeps the runtime alive and shares it. One thread at a time may restore a frame.
class RESTORECT_API VideoRestorer {
 public:
  /// Throws UsageError: a number out of range, or one that needs an artifact made with --form split.
  VideoRestorer(const Runtime& runtime, const VideoOptions& options);
  VideoRestorer(VideoRestorer&&) noexcept;
  VideoRestorer& operator=(VideoRestorer&&) noexcept;
  ~VideoRestorer();

  /// Restore the next frame; takes and throws what Runtime does, and UsageError where another thread's frame
  /// is being restored.
  void operator()(const Frame& from, const FrameBuffer& to);

  /// How often the prior ran, and how many cuts between scenes were seen.
  int priors() const;
  int cuts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The frames of one video, several restored at once: while the network runs on one, another is converted
/// and a third is written. Results equal those of a VideoRestorer whose runtime has a lane's share of the
/// threads.
class RESTORECT_API ParallelVideoRestorer {
 public:
  /// `lanes` frames are restored at once, each by a copy of the network with its share of `options.threads`,
  /// or of the machine's. Throws what Runtime and VideoRestorer do, and UsageError: fewer lanes than one.
  ParallelVideoRestorer(const std::filesystem::path& artifact, const Options& options,
                        const VideoOptions& video, int lanes = 2);
  /// Waits for the frames that were taken.
  ~ParallelVideoRestorer();
  ParallelVideoRestorer(const ParallelVideoRestorer&) = delete;
  ParallelVideoRestorer& operator=(const ParallelVideoRestorer&) = delete;

  /// Take the next frame, whose memory and whose result's stay the caller's and in place until the future is
  /// ready; it holds what a VideoRestorer throws, and later frames go on. Waits while one frame more than
  /// there are lanes is taken. One thread at a time may call it.
  std::future<void> operator()(const Frame& from, const FrameBuffer& to);

  const Info& info() const;
  std::string provider() const;
  std::string warning() const;
  int lanes() const;
  int priors() const;
  int cuts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace restorect
