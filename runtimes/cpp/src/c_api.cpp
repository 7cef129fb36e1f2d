#include <exception>
#include <new>
#include <string>
#include <utility>

#include "restorect/restorect.h"
#include "restorect/restorect.hpp"

struct restorect_runtime {
  restorect::Runtime runtime;
};

struct restorect_stream {
  restorect::Stream stream;
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

int restorect_stream_open(restorect_runtime* runtime, int prior_every, double smooth, int tile,
                          restorect_stream** stream) {
  return guarded([&] {
    required(stream, "stream") = nullptr;
    const restorect::StreamOptions options{prior_every, smooth, tile};
    *stream = new restorect_stream{restorect::Stream(required(runtime, "runtime").runtime, options)};
  });
}

void restorect_stream_close(restorect_stream* stream) { delete stream; }

int restorect_stream_restore(restorect_stream* stream, const restorect_frame* from,
                             const restorect_buffer* to) {
  return guarded([&] { required(stream, "stream").stream(frame_of(from), buffer_of(to)); });
}

int restorect_stream_priors(const restorect_stream* stream) {
  return stream == nullptr ? 0 : stream->stream.priors();
}

int restorect_stream_cuts(const restorect_stream* stream) {
  return stream == nullptr ? 0 : stream->stream.cuts();
}

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
