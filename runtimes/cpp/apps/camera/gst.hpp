// Ownership of GStreamer's objects.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace camera {

struct Unref {
  void operator()(GstElement* element) const { gst_object_unref(element); }
  void operator()(GstBus* bus) const { gst_object_unref(bus); }
  void operator()(GstSample* sample) const { gst_sample_unref(sample); }
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
  void operator()(GstMessage* message) const { gst_message_unref(message); }
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
  void operator()(GstParseContext* context) const { gst_parse_context_free(context); }
  void operator()(GError* error) const { g_error_free(error); }
  void operator()(char* text) const { g_free(text); }
};

template <typename T>
using Owned = std::unique_ptr<T, Unref>;

}  // namespace camera
