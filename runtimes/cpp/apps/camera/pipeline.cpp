#include "pipeline.hpp"

#include <iostream>
#include <map>
#include <restorect/error.hpp>
#include <utility>

namespace camera {
namespace {

/// Where elements that this program names come from.
const std::map<std::string, std::string> kPackages = {
    {"autovideosink", "gstreamer1.0-plugins-good"},
    {"decodebin", "gstreamer1.0-plugins-base"},
    {"nvarguscamerasrc", "nvidia-l4t-gstreamer, on a Jetson"},
    {"nvvidconv", "nvidia-l4t-gstreamer, on a Jetson"},
    {"v4l2src", "gstreamer1.0-plugins-good"},
    {"videoconvert", "gstreamer1.0-plugins-base"},
    {"videoscale", "gstreamer1.0-plugins-base"},
    {"x264enc", "gstreamer1.0-plugins-ugly"},
};

std::string where_from(const std::string& element) {
  const auto found = kPackages.find(element);
  if (found != kPackages.end()) return "install " + found->second;
  return "see whether its name is right, and which package has it: gst-inspect-1.0 " + element;
}

std::string missing_elements(GstParseContext* context) {
  std::string list;
  gchar** names = gst_parse_context_get_missing_elements(context);
  for (gchar** name = names; name != nullptr && *name != nullptr; ++name) {
    list += (list.empty() ? "'" : "; '") + std::string(*name) + "': " + where_from(*name);
  }
  g_strfreev(names);
  return list;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

Pipeline::Pipeline(std::string option, const std::string& description) : option_(std::move(option)) {
  const Owned<GstParseContext> context(gst_parse_context_new());
  GError* raised = nullptr;
  pipeline_.reset(
      gst_parse_launch_full(description.c_str(), context.get(), GST_PARSE_FLAG_FATAL_ERRORS, &raised));
  const Owned<GError> error(raised);
  const std::string missing = missing_elements(context.get());
  if (!missing.empty()) {
    throw restorect::MissingDependencyError(option_ +
                                            " needs elements that GStreamer does not have here: " + missing);
  }
  if (error || !pipeline_) {
    throw restorect::UsageError(option_ + " is no pipeline: " + (error ? error->message : "it is empty") +
                                "; try it with gst-launch-1.0");
  }
  bus_.reset(gst_element_get_bus(pipeline_.get()));
}

Pipeline::~Pipeline() {
  if (pipeline_) gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
}

Owned<GstElement> Pipeline::element(const char* name) const {
  return Owned<GstElement>(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name));
}

bool Pipeline::set_state(GstState state) {
  const GstStateChangeReturn changed = gst_element_set_state(pipeline_.get(), state);
  if (changed == GST_STATE_CHANGE_FAILURE) {
    // what the bus says of it is more exact than the error below
    check();
    throw restorect::BackendError(option_ + " does not start; try it with gst-launch-1.0");
  }
  return changed == GST_STATE_CHANGE_NO_PREROLL;
}

void Pipeline::check() {
  while (const Owned<GstMessage> message{gst_bus_pop(bus_.get())}) handle(message.get());
}

void Pipeline::wait_for_end() {
  while (!ended_) handle(Owned<GstMessage>(gst_bus_timed_pop(bus_.get(), GST_CLOCK_TIME_NONE)).get());
}

void Pipeline::handle(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      ended_ = true;
      break;
    case GST_MESSAGE_ERROR:
      fail(message);
    case GST_MESSAGE_WARNING: {
      GError* raised = nullptr;
      gst_message_parse_warning(message, &raised, nullptr);
      const Owned<GError> warning(raised);
      std::cerr << "warning: " << option_ << ": " << warning->message << "\n";
      break;
    }
    case GST_MESSAGE_ELEMENT:
      if (gst_message_has_name(message, "missing-plugin")) {
        const gchar* name = gst_structure_get_string(gst_message_get_structure(message), "name");
        missing_ = name != nullptr ? name : "a plugin";
      }
      break;
    default:
      break;
  }
}

void Pipeline::fail(GstMessage* message) {
  failed_ = true;
  GError* raised = nullptr;
  gchar* details = nullptr;
  gst_message_parse_error(message, &raised, &details);
  const Owned<GError> error(raised);
  const Owned<char> owned(details);
  const std::string debug = details != nullptr ? details : "";
  const std::string from = GST_OBJECT_NAME(GST_MESSAGE_SRC(message));
  const bool no_plugin = g_error_matches(error.get(), GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN) ||
                         g_error_matches(error.get(), GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND);
  if (!missing_.empty() && no_plugin) {
    throw restorect::MissingDependencyError(option_ + " needs a GStreamer plugin that is not installed: " +
                                            missing_ + "; gstreamer1.0-libav has many");
  }
  if (contains(debug, "not-negotiated")) {
    throw restorect::UsageError(option_ + ": no frames that all parts take (" + from +
                                "); check its caps and --size with gst-launch-1.0 -v");
  }
  if (contains(debug, "not-linked")) {
    throw restorect::UsageError(option_ + ": no video that the next element takes (" + from +
                                " leads nowhere)");
  }
  if (error->domain == GST_STREAM_ERROR) {
    throw restorect::UsageError(option_ + " is damaged or of an unknown kind: " + error->message + " (" +
                                from + ")");
  }
  throw restorect::BackendError(option_ + " failed: " + error->message + " (" + from + ")");
}

}  // namespace camera
