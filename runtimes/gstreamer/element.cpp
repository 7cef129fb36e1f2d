// restorect: a video filter that restores every frame with an artifact of restorect_edge.
//
//   gst-launch-1.0 v4l2src ! restorect artifact=DIR prior-every=8 smooth=0.8 ! autovideosink
#include <gst/video/gstvideofilter.h>

#include <algorithm>
#include <memory>
#include <restorect/restorect.hpp>
#include <string>

#include "video.hpp"

GST_DEBUG_CATEGORY_STATIC(restorect_debug);
#define GST_CAT_DEFAULT restorect_debug

namespace {

struct Settings {
  std::string artifact;
  restorect::Options options;
  restorect::VideoOptions stream;
};

/// What lives while the element is started.
struct State {
  std::unique_ptr<restorect::Runtime> runtime;
  std::unique_ptr<restorect::VideoRestorer> stream;
};

}  // namespace

struct GstRestorect {
  GstVideoFilter parent;
  Settings* settings;
  State* state;
};

struct GstRestorectClass {
  GstVideoFilterClass parent;
};

G_DEFINE_TYPE(GstRestorect, gst_restorect, GST_TYPE_VIDEO_FILTER)

namespace {

enum Property { kArtifact = 1, kDevice, kThreads, kPriorEvery, kSmooth, kTile, kFixedCopy };

GstRestorect* self_of(gpointer object) { return static_cast<GstRestorect*>(object); }

/// Call `work`; post on the bus what it throws, as the kind of error that it is.
template <typename Work>
bool guarded(GstRestorect* self, Work work) {
  try {
    work();
    return true;
  } catch (const restorect::BackendError& error) {
    GST_ELEMENT_ERROR(self, LIBRARY, FAILED, ("%s", error.what()), (nullptr));
  } catch (const restorect::MissingDependencyError& error) {
    GST_ELEMENT_ERROR(self, LIBRARY, INIT, ("%s", error.what()), (nullptr));
  } catch (const restorect::Error& error) {
    GST_ELEMENT_ERROR(self, LIBRARY, SETTINGS, ("%s", error.what()), (nullptr));
  } catch (const std::exception& error) {
    GST_ELEMENT_ERROR(self, LIBRARY, FAILED, ("%s", error.what()), (nullptr));
  }
  return false;
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
  GstRestorect* self = self_of(object);
  GST_OBJECT_LOCK(self);
  Settings& settings = *self->settings;
  const auto text = [&] { return std::string(g_value_get_string(value) ? g_value_get_string(value) : ""); };
  switch (id) {
    case kArtifact:
      settings.artifact = text();
      break;
    case kDevice:
      settings.options.device = text();
      break;
    case kThreads:
      settings.options.threads = g_value_get_int(value);
      break;
    case kPriorEvery:
      settings.stream.prior_every = g_value_get_int(value);
      break;
    case kSmooth:
      settings.stream.smooth = g_value_get_double(value);
      break;
    case kTile:
      settings.stream.tile = g_value_get_int(value);
      break;
    case kFixedCopy:
      settings.stream.fixed_copy = g_value_get_boolean(value) != FALSE;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstRestorect* self = self_of(object);
  GST_OBJECT_LOCK(self);
  const Settings& settings = *self->settings;
  switch (id) {
    case kArtifact:
      g_value_set_string(value, settings.artifact.c_str());
      break;
    case kDevice:
      g_value_set_string(value, settings.options.device.c_str());
      break;
    case kThreads:
      g_value_set_int(value, settings.options.threads);
      break;
    case kPriorEvery:
      g_value_set_int(value, settings.stream.prior_every);
      break;
    case kSmooth:
      g_value_set_double(value, settings.stream.smooth);
      break;
    case kTile:
      g_value_set_int(value, settings.stream.tile);
      break;
    case kFixedCopy:
      g_value_set_boolean(value, settings.stream.fixed_copy);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

Settings settings_of(GstRestorect* self) {
  GST_OBJECT_LOCK(self);
  const Settings settings = *self->settings;
  GST_OBJECT_UNLOCK(self);
  return settings;
}

void open_stream(GstRestorect* self) {
  self->state->stream =
      std::make_unique<restorect::VideoRestorer>(*self->state->runtime, settings_of(self).stream);
}

gboolean start(GstBaseTransform* base) {
  GstRestorect* self = self_of(base);
  return guarded(self, [&] {
    const Settings settings = settings_of(self);
    if (settings.artifact.empty())
      throw restorect::UsageError("no artifact; set artifact=DIR to a folder made by restorect_edge.export");
    self->state->runtime = std::make_unique<restorect::Runtime>(settings.artifact, settings.options);
    open_stream(self);
    const std::string warning = self->state->runtime->warning();
    if (!warning.empty()) GST_ELEMENT_WARNING(self, LIBRARY, SETTINGS, ("%s", warning.c_str()), (nullptr));
    GST_INFO_OBJECT(self, "%s by %s", settings.artifact.c_str(), self->state->runtime->provider().c_str());
  });
}

gboolean stop(GstBaseTransform* base) {
  *self_of(base)->state = {};
  return TRUE;
}

/// Multiply or divide a side, which is a number, a range or a list of them.
void scale_side(GstStructure* structure, const char* name, int scale, bool up) {
  const auto scaled = [&](int side) {
    return up ? static_cast<int>(std::min<gint64>(gint64{side} * scale, G_MAXINT))
              : std::max(1, side / scale);
  };
  const GValue* value = gst_structure_get_value(structure, name);
  if (value == nullptr) return;
  if (G_VALUE_HOLDS_INT(value)) {
    gst_structure_set(structure, name, G_TYPE_INT, scaled(g_value_get_int(value)), nullptr);
  } else if (GST_VALUE_HOLDS_INT_RANGE(value)) {
    gst_structure_set(structure, name, GST_TYPE_INT_RANGE, scaled(gst_value_get_int_range_min(value)),
                      // a range of GStreamer has two values at least
                      std::max(2, scaled(gst_value_get_int_range_max(value))), nullptr);
  } else {
    gst_structure_set(structure, name, GST_TYPE_INT_RANGE, 1, G_MAXINT, nullptr);
  }
}

/// The same frames first, then those of every other format: frames are converted on the way in and out.
GstCaps* transform_caps(GstBaseTransform* base, GstPadDirection direction, GstCaps* caps, GstCaps* filter) {
  const State& state = *self_of(base)->state;
  GstCaps* same = gst_caps_copy(caps);
  for (guint i = 0; i < gst_caps_get_size(same); ++i) {
    GstStructure* structure = gst_caps_get_structure(same, i);
    for (const char* side : {"width", "height"}) {
      if (!state.runtime) {  // the scale is not known yet
        gst_structure_set(structure, side, GST_TYPE_INT_RANGE, 1, G_MAXINT, nullptr);
      } else {
        scale_side(structure, side, state.runtime->info().scale, direction == GST_PAD_SINK);
      }
    }
  }
  GstCaps* any = gst_caps_copy(same);
  for (guint i = 0; i < gst_caps_get_size(any); ++i) {
    GstStructure* structure = gst_caps_get_structure(any, i);
    gst_structure_remove_fields(structure, "format", "colorimetry", "chroma-site", nullptr);
  }
  GstCaps* all = gst_caps_merge(same, any);
  GstCaps* own = gst_pad_get_pad_template_caps(direction == GST_PAD_SINK ? base->srcpad : base->sinkpad);
  GstCaps* taken = gst_caps_intersect_full(all, own, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(all);
  gst_caps_unref(own);
  if (filter == nullptr) return taken;
  GstCaps* filtered = gst_caps_intersect_full(filter, taken, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(taken);
  return filtered;
}

gboolean set_info(GstVideoFilter* filter, GstCaps*, GstVideoInfo* from, GstCaps*, GstVideoInfo* to) {
  GstRestorect* self = self_of(filter);
  return guarded(self, [&] {
    camera::format_of(*from);
    camera::format_of(*to);
    open_stream(self);  // other frames are another scene
  });
}

gboolean sink_event(GstBaseTransform* base, GstEvent* event) {
  GstRestorect* self = self_of(base);
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP && self->state->runtime)
    guarded(self, [&] { open_stream(self); });
  return GST_BASE_TRANSFORM_CLASS(gst_restorect_parent_class)->sink_event(base, event);
}

GstFlowReturn transform_frame(GstVideoFilter* filter, GstVideoFrame* from, GstVideoFrame* to) {
  GstRestorect* self = self_of(filter);
  const bool done = guarded(self, [&] {
    const camera::Planes source(*from);
    const camera::Planes result(*to, /*written=*/true);
    (*self->state->stream)(source.frame(), result.buffer());
  });
  return done ? GST_FLOW_OK : GST_FLOW_ERROR;
}

void finalize(GObject* object) {
  delete self_of(object)->settings;
  delete self_of(object)->state;
  G_OBJECT_CLASS(gst_restorect_parent_class)->finalize(object);
}

void install_properties(GObjectClass* object) {
  const auto flags =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object, kArtifact,
      g_param_spec_string("artifact", "Artifact", "Folder made by restorect_edge.export for this library",
                          nullptr, flags));
  g_object_class_install_property(
      object, kDevice,
      g_param_spec_string("device", "Device", "auto; cpu, gpu or npu by OpenVINO; cuda by TensorRT", "auto",
                          flags));
  g_object_class_install_property(
      object, kThreads,
      g_param_spec_int("threads", "Threads", "CPU threads; 0 leaves it to the library", 0, 1024, 0, flags));
  g_object_class_install_property(
      object, kPriorEvery,
      g_param_spec_int("prior-every", "Prior every",
                       "Frames from one run of the prior to the next; above 1 needs --form split", 1,
                       G_MAXINT, 1, flags));
  g_object_class_install_property(
      object, kSmooth,
      g_param_spec_double("smooth", "Smooth",
                          "Share of the latent and brightness kept from the frame before; needs --form split",
                          0, 0.999, 0, flags));
  g_object_class_install_property(
      object, kTile,
      g_param_spec_int("tile", "Tile", "Side of what each tile contributes; 0 tiles large frames only", 0,
                       65536, 0, flags));
  g_object_class_install_property(
      object, kFixedCopy,
      g_param_spec_boolean("fixed-copy", "Fixed copy",
                           "Compile graphs with free sides for the frames' size in the background (OpenVINO)",
                           TRUE, flags));
}

}  // namespace

static void gst_restorect_class_init(GstRestorectClass* klass) {
  auto* object = G_OBJECT_CLASS(klass);
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_properties(object);
  auto* element = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element, "Restore video", "Filter/Effect/Video",
      "Brightens, denoises or sharpens every frame with an artifact of restorect_edge", "restorect");
  const std::string text = std::string("video/x-raw, format=(string){ ") + camera::kFormats +
                           " }, width=(int)[1, max], height=(int)[1, max], framerate=(fraction)[0, max]";
  GstCaps* caps = gst_caps_from_string(text.c_str());
  gst_element_class_add_pad_template(element,
                                     gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template(element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
  auto* base = GST_BASE_TRANSFORM_CLASS(klass);
  base->start = start;
  base->stop = stop;
  base->transform_caps = transform_caps;
  base->sink_event = sink_event;
  auto* filter = GST_VIDEO_FILTER_CLASS(klass);
  filter->set_info = set_info;
  filter->transform_frame = transform_frame;
}

static void gst_restorect_init(GstRestorect* self) {
  self->settings = new Settings;
  self->state = new State;
}

static gboolean plugin_init(GstPlugin* plugin) {
  GST_DEBUG_CATEGORY_INIT(restorect_debug, "restorect", 0, "image restoration");
  return gst_element_register(plugin, "restorect", GST_RANK_NONE, gst_restorect_get_type());
}

#define PACKAGE "restorect"
// the symbol that GStreamer looks for has to be seen, though this build hides all others
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, restorect, "Image restoration with restorect_edge",
                  plugin_init, RESTORECT_VERSION, "Apache 2.0", "restorect_edge", "restorect_edge")
