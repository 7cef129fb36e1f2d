#include "sink.hpp"

#include <gst/app/gstappsrc.h>

#include <cstring>
#include <restorect/error.hpp>
#include <string>

#include "video.hpp"

namespace camera {
namespace {

constexpr guint64 kQueue = 2;
constexpr gulong kPatience = 2000;  // microseconds

std::string text(const GstVideoInfo& info) {
  return std::to_string(GST_VIDEO_INFO_WIDTH(&info)) + "x" + std::to_string(GST_VIDEO_INFO_HEIGHT(&info)) +
         " " + GST_VIDEO_INFO_NAME(&info);
}

}  // namespace

Sink::Sink(const Options& options)
    : pipeline_("--sink", "appsrc name=frames format=time ! " + sink_description(options)),
      frames_(pipeline_.element("frames")) {}

void Sink::start(const GstVideoInfo& source, int scale) {
  source_ = source;
  info_.emplace();
  gst_video_info_set_format(&*info_, GST_VIDEO_INFO_FORMAT(&source),
                            static_cast<guint>(GST_VIDEO_INFO_WIDTH(&source) * scale),
                            static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&source) * scale));
  info_->colorimetry = source.colorimetry;
  info_->chroma_site = source.chroma_site;
  info_->fps_n = source.fps_n;
  info_->fps_d = source.fps_d;
  info_->par_n = source.par_n;
  info_->par_d = source.par_d;
  const Owned<GstCaps> caps(gst_video_info_to_caps(&*info_));
  gst_app_src_set_caps(GST_APP_SRC(frames_.get()), caps.get());
  pipeline_.set_state(GST_STATE_PLAYING);
}

NewFrame Sink::frame(const GstVideoInfo& source, int scale) {
  if (!source_) start(source, scale);
  if (!gst_video_info_is_equal(&*source_, &source)) {
    throw restorect::BackendError("the source's frames changed from " + text(*source_) + " to " +
                                  text(source) + "; start again, or fix them with --size");
  }
  return {Owned<GstBuffer>(gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&*info_), nullptr)),
          format_of(*info_)};
}

void Sink::push(NewFrame frame, GstClockTime time, GstClockTime duration,
                const volatile std::sig_atomic_t& stop) {
  GstBuffer* buffer = frame.buffer.get();
  if (!GST_CLOCK_TIME_IS_VALID(time)) {
    const bool known = info_->fps_n > 0;
    time = gst_util_uint64_scale(count_ * GST_SECOND, known ? static_cast<guint64>(info_->fps_d) : 1,
                                 known ? static_cast<guint64>(info_->fps_n) : 30);
  }
  if (count_++ == 0) start_ = time;
  GST_BUFFER_PTS(buffer) = time > start_ ? time - start_ : 0;
  GST_BUFFER_DURATION(buffer) = duration;
  while (gst_app_src_get_current_level_buffers(GST_APP_SRC(frames_.get())) >= kQueue && stop == 0) {
    pipeline_.check();
    g_usleep(kPatience);
  }
  pipeline_.check();
  gst_app_src_push_buffer(GST_APP_SRC(frames_.get()), frame.buffer.release());
}

void Sink::finish() {
  if (count_ == 0 || pipeline_.failed()) return;
  count_ = 0;
  gst_app_src_end_of_stream(GST_APP_SRC(frames_.get()));
  pipeline_.wait_for_end();
  pipeline_.set_state(GST_STATE_NULL);
}

}  // namespace camera
