#include "source.hpp"

#include <gst/app/gstappsink.h>

#include <string>

#include "video.hpp"

namespace camera {
namespace {

constexpr int kQueue = 2;  // one would leave the network idle between two frames of the camera
constexpr GstClockTime kPatience = 50 * GST_MSECOND;

std::string description(const Options& options) {
  std::string size;
  if (options.size) {
    size = ",width=" + std::to_string(options.size->width) +
           ",height=" + std::to_string(options.size->height) + ",pixel-aspect-ratio=1/1";
  }
  return source_description(options) +
         " ! videoconvert ! videoscale ! appsink name=frames sync=false enable-last-sample=false "
         "max-buffers=" +
         std::to_string(kQueue) + " caps=\"video/x-raw,format={" + kFormats + "}" + size + "\"";
}

GstPadProbeReturn count(GstPad*, GstPadProbeInfo*, gpointer made) {
  ++*static_cast<std::atomic<int>*>(made);
  return GST_PAD_PROBE_OK;
}

/// Say that strides and offsets of a GstVideoMeta are understood, or cameras copy their frames.
GstPadProbeReturn offer_meta(GstPad*, GstPadProbeInfo* info, gpointer) {
  GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
  if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return GST_PAD_PROBE_HANDLED;
}

}  // namespace

Source::Source(const Options& options)
    : pipeline_("--source", description(options)), frames_(pipeline_.element("frames")) {
  GstPad* pad = gst_element_get_static_pad(frames_.get(), "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, count, &made_, nullptr);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_meta, nullptr, nullptr);
  gst_object_unref(pad);
  live_ = pipeline_.set_state(GST_STATE_PAUSED);
  gst_app_sink_set_drop(GST_APP_SINK(frames_.get()), live_);
  pipeline_.set_state(GST_STATE_PLAYING);
}

Owned<GstSample> Source::next() {
  pipeline_.check();
  return Owned<GstSample>(gst_app_sink_try_pull_sample(GST_APP_SINK(frames_.get()), kPatience));
}

bool Source::ended() {
  const bool ended = gst_app_sink_is_eos(GST_APP_SINK(frames_.get())) != FALSE;
  pipeline_.check();  // an error can come before the end that it causes
  return ended;
}

}  // namespace camera
