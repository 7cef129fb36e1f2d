// Restore a camera or a video, live: source → network → display or file.
//
//   restorect-camera ARTIFACT [--source SOURCE] [--sink SINK] [options]
//
// One GStreamer pipeline ends in an appsink and another begins with an appsrc, so capture, the network and
// display or encoding each have threads of their own.
#include <csignal>
#include <iostream>
#include <restorect/restorect.hpp>

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

void restore(GstSample* sample, restorect::Stream& network, int scale, camera::Sink& sink) {
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample)))
    throw restorect::BackendError("the source does not say what its frames are");
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  const camera::MappedFrame from(info, buffer);
  camera::NewFrame to = sink.frame(info, scale);
  GstMapInfo memory;
  if (!gst_buffer_map(to.buffer.get(), &memory, GST_MAP_WRITE))
    throw restorect::BackendError("no memory for a frame");
  try {
    network(from.frame(), {to.format, memory.data, memory.size});
  } catch (...) {
    gst_buffer_unmap(to.buffer.get(), &memory);
    throw;
  }
  gst_buffer_unmap(to.buffer.get(), &memory);
  sink.push(std::move(to), GST_BUFFER_PTS(buffer), GST_BUFFER_DURATION(buffer), stop);
}

int run(const camera::Options& options) {
  restorect::Runtime runtime(options.artifact, {options.device, options.threads});
  restorect::Stream network(runtime, {options.prior_every, options.smooth, options.tile});
  if (!runtime.warning().empty()) std::cerr << "warning: " << runtime.warning() << "\n";
  camera::Sink sink(options);
  camera::Source source(options);
  stop_on_interrupt();
  int frames = 0;
  try {
    while (stop == 0) {
      const camera::Owned<GstSample> sample = source.next();
      if (!sample && source.ended()) break;
      if (!sample) continue;
      restore(sample.get(), network, runtime.info().scale, sink);
      ++frames;
    }
  } catch (...) {
    sink.finish();  // what came before the error is kept
    throw;
  }
  sink.finish();
  if (frames == 0 && stop == 0) throw restorect::UsageError("--source gave no frame");
  std::cerr << frames << " frames, " << (source.live() ? source.made() - frames : 0) << " dropped, "
            << runtime.provider() << "\n";
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
