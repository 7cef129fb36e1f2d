// The element in a harness, for sanitizers and long runs: restorect-gst-test ARTIFACT [FRAMES]
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void expect(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

GstBuffer* frame(const GstVideoInfo& info, int number) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  gst_buffer_memset(buffer, 0, static_cast<guint8>(16 + number % 64), GST_VIDEO_INFO_SIZE(&info));
  GST_BUFFER_PTS(buffer) = static_cast<GstClockTime>(number) * GST_SECOND / 30;
  GST_BUFFER_DURATION(buffer) = GST_SECOND / 30;
  return buffer;
}

GstHarness* started(const std::string& artifact) {
  GstElement* element = gst_element_factory_make("restorect", nullptr);
  expect(element != nullptr, "GST_PLUGIN_PATH names the folder of the element");
  g_object_set(element, "artifact", artifact.c_str(), "prior-every", 4, "smooth", 0.5, nullptr);
  GstHarness* harness = gst_harness_new_with_element(element, "sink", "src");
  gst_object_unref(element);
  return harness;
}

/// Restore frames of one format, then of others, without another artifact being loaded.
void run(const std::string& artifact, int frames) {
  GstHarness* harness = started(artifact);
  struct {
    const char *from, *to;
    int width, height;
  } const cases[] = {{"NV12", "NV12", 64, 48},
                     {"NV21", "BGRx", 66, 50},
                     {"P010_10LE", "I420", 64, 48},
                     {"RGB", "UYVY", 64, 48}};
  for (const auto& each : cases) {
    GstVideoInfo info, out;
    const auto width = static_cast<guint>(each.width), height = static_cast<guint>(each.height);
    gst_video_info_set_format(&info, gst_video_format_from_string(each.from), width, height);
    gst_video_info_set_format(&out, gst_video_format_from_string(each.to), width, height);
    gst_harness_set_caps(harness, gst_video_info_to_caps(&info), gst_video_info_to_caps(&out));
    const int count = &each == cases ? frames : 3;
    for (int number = 0; number < count; ++number) {
      GstBuffer* restored = gst_harness_push_and_pull(harness, frame(info, number));
      expect(restored != nullptr && gst_buffer_get_size(restored) == GST_VIDEO_INFO_SIZE(&out), each.to);
      expect(GST_BUFFER_PTS(restored) == static_cast<GstClockTime>(number) * GST_SECOND / 30,
             "times are kept");
      gst_buffer_unref(restored);
    }
  }
  gst_harness_teardown(harness);
}

/// A frame that comes too late is dropped once downstream has said so.
void drop_late(const std::string& artifact) {
  GstHarness* harness = started(artifact);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=48,framerate=30/1");
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 64, 48);
  gst_buffer_unref(gst_harness_push_and_pull(harness, frame(info, 0)));
  gst_harness_push_upstream_event(harness, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2, GST_SECOND, 0));
  expect(gst_harness_push(harness, frame(info, 1)) == GST_FLOW_OK, "a late frame is no error");
  expect(gst_harness_try_pull(harness) == nullptr, "a late frame is dropped");
  gst_harness_teardown(harness);
}

/// What is wrong with an artifact is on the bus.
void refuse() {
  GstElement* element = gst_element_factory_make("restorect", nullptr);
  GstBus* bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  for (const char* artifact : {"", "/nowhere"}) {
    g_object_set(element, "artifact", artifact, nullptr);
    expect(gst_element_set_state(element, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE, "it does not start");
    GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    expect(message != nullptr, "an error is on the bus");
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    expect(g_strrstr(error->message, "no artifact") != nullptr, error->message);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_state(element, GST_STATE_NULL);
  }
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  expect(argc >= 2, "usage: restorect-gst-test ARTIFACT [FRAMES]");
  run(argv[1], argc > 2 ? std::atoi(argv[2]) : 100);
  drop_late(argv[1]);
  refuse();
  gst_deinit();
  std::puts("ok");
  return 0;
}
