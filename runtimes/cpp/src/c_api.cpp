#include <exception>
#include <new>
#include <string>
#include <utility>

#include "restorect/restorect.h"
#include "restorect/restorect.hpp"

struct restorect_runtime {
  restorect::Runtime runtime;
};

struct restorect_video {
  restorect::VideoRestorer video;
};

namespace {

using restorect::UsageError;

thread_local std::string last_error;
thread_local std::string last_text;

/// Call `work` and turn what it throws into a code and a text: no exception crosses the C interface.
template <typename Work>
int guarded(Work work) noexcept {
  int code = RESTORECT_BACKEND;
  try {
    try {
      work();
      return RESTORECT_OK;
    } catch (const restorect::Error& error) {
      code = error.exit_code();
      last_error = error.what();
    } catch (const std::bad_alloc&) {
      last_error = "out of memory";
    } catch (const std::exception& error) {
      last_error = error.what();
    }
  } catch (...) {  // the text itself found no memory
    last_error.clear();
  }
  return code;
}

template <typename T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) throw UsageError(std::string(name) + " is NULL");
  return *pointer;
}

restorect::FrameFormat format_of(const restorect_format& format) {
  std::vector<restorect::Plane> planes;
  if (format.plane_count < 0 || format.plane_count > 3)
    throw UsageError("plane_count is 0 to 3, got " + std::to_string(format.plane_count));
  for (int i = 0; i < format.plane_count; ++i)
    planes.push_back({format.planes[i].offset, format.planes[i].stride});
  return {static_cast<restorect::Layout>(format.layout),
          format.width,
          format.height,
          format.stride,
          static_cast<restorect::Matrix>(format.matrix),
          static_cast<restorect::Range>(format.range),
          format.slice_height,
          std::move(planes)};
}

restorect::Frame frame_of(const restorect_frame* frame) {
  const restorect_frame& from = required(frame, "from");
  return {format_of(from.format), from.data, from.size};
}

restorect::FrameBuffer buffer_of(const restorect_buffer* buffer) {
  const restorect_buffer& to = required(buffer, "to");
  return {format_of(to.format), to.data, to.size};
}

const char* told(restorect_runtime* runtime, std::string (restorect::Runtime::*tell)() const) {
  if (runtime == nullptr) return "";
  const int code = guarded([&] { last_text = (runtime->runtime.*tell)(); });
  return code == RESTORECT_OK ? last_text.c_str() : "";
}

}  // namespace

extern "C" {

const char* restorect_last_error(void) { return last_error.c_str(); }

int restorect_open(const char* artifact, const char* device, int threads, restorect_runtime** runtime) {
  return guarded([&] {
    required(runtime, "runtime") = nullptr;
    const restorect::Options options{device == nullptr ? "auto" : device, threads};
    *runtime = new restorect_runtime{restorect::Runtime(&required(artifact, "artifact"), options)};
  });
}

void restorect_close(restorect_runtime* runtime) { delete runtime; }

int restorect_restore(restorect_runtime* runtime, const restorect_frame* from, const restorect_buffer* to,
                      int tile) {
  return guarded([&] { required(runtime, "runtime").runtime(frame_of(from), buffer_of(to), tile); });
}

int restorect_scale(const restorect_runtime* runtime) {
  return runtime == nullptr ? 0 : runtime->runtime.info().scale;
}

const char* restorect_provider(restorect_runtime* runtime) {
  return told(runtime, &restorect::Runtime::provider);
}

const char* restorect_warning(restorect_runtime* runtime) {
  return told(runtime, &restorect::Runtime::warning);
}

int restorect_video_open(restorect_runtime* runtime, int prior_every, double smooth, int tile,
                         restorect_video** video) {
  return guarded([&] {
    required(video, "video") = nullptr;
    const restorect::VideoOptions options{prior_every, smooth, tile};
    *video = new restorect_video{restorect::VideoRestorer(required(runtime, "runtime").runtime, options)};
  });
}

void restorect_video_close(restorect_video* video) { delete video; }

int restorect_video_restore(restorect_video* video, const restorect_frame* from, const restorect_buffer* to) {
  return guarded([&] { required(video, "video").video(frame_of(from), buffer_of(to)); });
}

int restorect_video_priors(const restorect_video* video) {
  return video == nullptr ? 0 : video->video.priors();
}

int restorect_video_cuts(const restorect_video* video) { return video == nullptr ? 0 : video->video.cuts(); }

int restorect_frame_size(const restorect_format* format, size_t* size) {
  return guarded([&] {
    const restorect::FrameFormat found = format_of(required(format, "format"));
    found.check();
    required(size, "size") = found.size();
  });
}

int restorect_convert(const restorect_frame* from, const restorect_buffer* to) {
  return guarded([&] { restorect::convert(frame_of(from), buffer_of(to)); });
}

}  // extern "C"
