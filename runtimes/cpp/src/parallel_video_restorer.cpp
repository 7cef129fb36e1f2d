// Frames side by side, in order as far as one depends on another: restorect_edge/inference/video/overlap.py.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

#include "restorect/restorect.hpp"
#include "restorer.hpp"
#include "video_track.hpp"

namespace restorect {
namespace {

/// Lets numbered frames through one at a time, in the order of their numbers.
class Gate {
 public:
  void wait(std::uint64_t number) {
    std::unique_lock<std::mutex> lock(lock_);
    changed_.wait(lock, [&] { return next_ >= number; });
  }
  /// Let the next one through; a frame that left before changes nothing.
  void leave(std::uint64_t number) {
    {
      const std::lock_guard<std::mutex> lock(lock_);
      next_ = std::max(next_, number + 1);
    }
    changed_.notify_all();
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;
};

/// Holds a gate from a frame's turn to the end of the scope, whatever is thrown.
class Turn {
 public:
  Turn(Gate& gate, std::uint64_t number) : gate_(gate), number_(number) { gate_.wait(number_); }
  ~Turn() { gate_.leave(number_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Gate& gate_;
  std::uint64_t number_;
};

struct Work {
  std::uint64_t number;
  Frame from;
  FrameBuffer to;
  std::promise<void> done;
};

Options of_a_lane(Options options, int lanes) {
  if (lanes < 1) throw UsageError("lanes is at least 1, got " + std::to_string(lanes));
  if (options.threads < 0) return options;  // refused by who opens the artifact
  const int threads =
      options.threads != 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  if (lanes > 1) options.threads = std::max(1, threads / lanes);
  return options;
}

std::vector<std::unique_ptr<Restorer>> opened(const std::filesystem::path& artifact, const Options& options,
                                              int lanes) {
  const Options share = of_a_lane(options, lanes);
  std::vector<std::unique_ptr<Restorer>> found;
  for (int lane = 0; lane < lanes; ++lane) found.push_back(std::make_unique<Restorer>(artifact, share));
  return found;
}

}  // namespace

struct ParallelVideoRestorer::State {
  State(const std::filesystem::path& artifact, const Options& asked, const VideoOptions& video, int lanes)
      : options(video),
        restorers(opened(artifact, asked, lanes)),
        track(*restorers.front(), video.prior_every, video.smooth) {
    try {
      for (const auto& restorer : restorers) threads.emplace_back([this, &restorer] { serve(*restorer); });
    } catch (...) {
      close();
      throw;
    }
  }
  ~State() { close(); }

  void close() {
    {
      const std::lock_guard<std::mutex> lock(busy);
      closed = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  std::future<void> take(const Frame& from, const FrameBuffer& to) {
    std::unique_lock<std::mutex> lock(busy);
    changed.wait(lock, [&] { return under_way <= restorers.size(); });
    waiting.push_back({taken++, from, to, {}});
    ++under_way;
    std::future<void> done = waiting.back().done.get_future();
    lock.unlock();
    changed.notify_all();
    return done;
  }

  void serve(Restorer& restorer) {
    std::unique_lock<std::mutex> lock(busy);
    while (true) {
      changed.wait(lock, [&] { return closed || !waiting.empty(); });
      if (waiting.empty()) return;
      Work work = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      std::exception_ptr error;
      try {
        restore(restorer, work);
      } catch (...) {
        error = std::current_exception();
      }
      // counted before it is said: who waits for the future may take the next one at once
      lock.lock();
      --under_way;
      changed.notify_all();
      error ? work.done.set_exception(error) : work.done.set_value();
    }
  }

  void restore(Restorer& restorer, const Work& work) {
    bool anew = false;
    const auto latent = [&](const Pixels& image, Size padded) {
      const Turn turn(latents, work.number);
      std::vector<float> z = track.latent(restorer, image, padded);
      anew = track.begins();
      return z;
    };
    const auto gain = [&](const Planes& picture) {
      const Turn turn(gains, work.number);
      return track.gain(picture, std::exchange(anew, false));
    };
    std::exception_ptr error;
    try {
      restorer.restore(work.from, work.to, options.tile, latent,
                       track.steadies() ? Restorer::Gain(gain) : nullptr, options.fixed_copy);
    } catch (...) {
      error = std::current_exception();
    }
    // a frame that failed, or is tiled, has not been through every gate, and may begin a scene
    {
      const Turn turn(latents, work.number);
    }
    const Turn turn(gains, work.number);
    if (anew) track.forget_brightness();
    if (error) std::rethrow_exception(error);
  }

  VideoOptions options;
  std::vector<std::unique_ptr<Restorer>> restorers;
  VideoTrack track;
  Gate latents, gains;

  std::mutex busy;  // guards what follows
  std::condition_variable changed;
  std::deque<Work> waiting;
  std::size_t under_way = 0;
  std::uint64_t taken = 0;
  bool closed = false;
  std::vector<std::thread> threads;
};

ParallelVideoRestorer::ParallelVideoRestorer(const std::filesystem::path& artifact, const Options& options,
                                             const VideoOptions& video, int lanes)
    : state_(new State(artifact, options, video, lanes)) {}
ParallelVideoRestorer::~ParallelVideoRestorer() = default;

std::future<void> ParallelVideoRestorer::operator()(const Frame& from, const FrameBuffer& to) {
  return state_->take(from, to);
}

const Info& ParallelVideoRestorer::info() const { return state_->restorers.front()->info(); }
std::string ParallelVideoRestorer::provider() const { return state_->restorers.front()->provider(); }
std::string ParallelVideoRestorer::warning() const { return state_->restorers.front()->warning(); }
int ParallelVideoRestorer::lanes() const { return static_cast<int>(state_->restorers.size()); }
int ParallelVideoRestorer::priors() const { return state_->track.priors(); }
int ParallelVideoRestorer::cuts() const { return state_->track.cuts(); }

}  // namespace restorect
