// Restore a camera or a video, live: source → network → display or file.
//
//   restorect-camera ARTIFACT [--source SOURCE] [--sink SINK] [options]
//
// One GStreamer pipeline ends in an appsink and another begins with an appsrc, so capture, the network and
// display or encoding each have threads of their own.
#include <csignal>
#include <deque>
#include <future>
#include <iostream>
#include <optional>
#include <restorect/restorect.hpp>
#include <utility>

#include "sink.hpp"
#include "source.hpp"
#include "video.hpp"

namespace {

volatile std::sig_atomic_t stop = 0;

/// Ctrl-C ends the recording; a second one the program.
void stop_on_interrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

/// A frame on its way through the network.
class UnderWay {
 public:
  UnderWay(camera::Owned<GstSample> sample, restorect::ParallelVideoRestorer& network, camera::Sink& sink)
      : sample_(std::move(sample)), buffer_(gst_sample_get_buffer(sample_.get())) {
    GstVideoInfo info;
    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample_.get())))
      throw restorect::BackendError("the source does not say what its frames are");
    from_.emplace(info, buffer_);
    to_ = sink.frame(info, network.info().scale);
    if (!gst_buffer_map(to_.buffer.get(), &memory_, GST_MAP_WRITE))
      throw restorect::BackendError("no memory for a frame");
    mapped_ = true;
    done_ = network(from_->frame(), {to_.format, memory_.data, memory_.size});
  }
  ~UnderWay() {
    if (done_.valid()) done_.wait();  // the network still writes there
    unmap();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  /// Whether it has yet to be waited for.
  bool under_way() const { return done_.valid(); }
  /// Wait for it and hand it on.
  void finish(camera::Sink& sink) {
    done_.get();
    unmap();
    sink.push(std::move(to_), GST_BUFFER_PTS(buffer_), GST_BUFFER_DURATION(buffer_), stop);
  }

 private:
  void unmap() {
    if (std::exchange(mapped_, false)) gst_buffer_unmap(to_.buffer.get(), &memory_);
  }

  camera::Owned<GstSample> sample_;
  GstBuffer* buffer_;
  std::optional<camera::MappedFrame> from_;
  camera::NewFrame to_;
  GstMapInfo memory_;
  bool mapped_ = false;
  std::future<void> done_;
};

/// Restore what comes, and return how many frames that were.
int restore_all(camera::Source& source, restorect::ParallelVideoRestorer& network, camera::Sink& sink) {
  std::deque<UnderWay> frames;
  // one more than there are lanes, so that none waits for the source
  const std::size_t most = network.lanes() == 1 ? 0 : static_cast<std::size_t>(network.lanes());
  int count = 0;
  const auto finish_first = [&] {
    frames.front().finish(sink);
    frames.pop_front();
    ++count;
  };
  const auto finish_all = [&] {
    while (!frames.empty()) finish_first();
  };
  try {
    while (stop == 0) {
      camera::Owned<GstSample> sample = source.next();
      if (!sample && source.ended()) break;
      if (!sample) continue;
      frames.emplace_back(std::move(sample), network, sink);
      while (frames.size() > most) finish_first();
    }
  } catch (...) {
    // of the frame that failed its future is empty by now; what came before it is kept
    if (!frames.empty() && !frames.front().under_way()) frames.pop_front();
    finish_all();
    throw;
  }
  finish_all();
  return count;
}

int run(const camera::Options& options) {
  const int lanes = options.lanes != 0 ? options.lanes : camera::is_file(options.source) ? 2 : 1;
  restorect::ParallelVideoRestorer network(options.artifact, {options.device, options.threads},
                                           {options.prior_every, options.smooth, options.tile}, lanes);
  if (!network.warning().empty()) std::cerr << "warning: " << network.warning() << "\n";
  camera::Sink sink(options);
  camera::Source source(options);
  stop_on_interrupt();
  int frames = 0;
  try {
    frames = restore_all(source, network, sink);
  } catch (...) {
    sink.finish();  // what came before the error is kept
    throw;
  }
  sink.finish();
  if (frames == 0 && stop == 0) throw restorect::UsageError("--source gave no frame");
  std::cerr << frames << " frames, " << (source.live() ? source.made() - frames : 0) << " dropped, "
            << network.provider() << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int code = 0;
  try {
    gst_init(nullptr, nullptr);
    code = run(camera::parse(argc, argv));
  } catch (const restorect::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    code = error.exit_code();
  }
  gst_deinit();
  return code;
}
