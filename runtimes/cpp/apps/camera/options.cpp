#include "options.hpp"

#include <cstdlib>
#include <restorect/error.hpp>

#include "gst.hpp"

namespace camera {
namespace {

const char* const kExamples = R"(Examples:
  restorect-camera out/lowlight-nano-openvino-int8-split-480x640
  restorect-camera ARTIFACT --source /dev/video2 --size 640x480 --prior-every 8 --smooth 0.8 --sink bright.mkv
  restorect-camera ARTIFACT --source dark.mkv --sink bright.mkv
  restorect-camera ARTIFACT --source csi:0 --size 1280x720             (a Jetson's camera)
  restorect-camera ARTIFACT --source test --sink "videoconvert ! jpegenc ! avimux ! filesink location=out.avi"

SOURCE is a camera (/dev/videoN, or csi:N on a Jetson), a video file, "test" for a picture that needs no camera,
or a pipeline in the language of gst-launch-1.0. SINK is "display", a file (.mkv, .mp4) or a pipeline.
Ctrl-C ends a recording, and its file is complete. A live source drops frames that come too fast; a file drops
none. --size asks a camera for a size, and scales anything else. Exit codes are those of restorect-edge.)";

Size parsed_size(const std::string& text) {
  char* end = nullptr;
  const long width = std::strtol(text.c_str(), &end, 10);
  const long height = *end == 'x' ? std::strtol(end + 1, &end, 10) : 0;
  // frames of 4:2:0 have even sides
  if (*end != '\0' || width < 2 || height < 2 || width > 16384 || height > 16384 || width % 2 || height % 2) {
    throw restorect::UsageError("--size is WIDTHxHEIGHT, two even numbers such as 640x480, got '" + text +
                                "'");
  }
  return {static_cast<int>(width), static_cast<int>(height)};
}

/// What GLib allocates.
struct Texts {
  char *source = nullptr, *sink = nullptr, *size = nullptr, *device = nullptr;
  char** artifacts = nullptr;

  Texts() = default;
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;
  ~Texts() {
    for (char* text : {source, sink, size, device}) g_free(text);
    g_strfreev(artifacts);
  }
};

void parse_entries(const GOptionEntry* entries, int& argc, char**& argv) {
  GOptionContext* context = g_option_context_new("ARTIFACT");
  g_option_context_set_summary(context, "Restore a camera or a video, live, with an exported artifact.");
  g_option_context_set_description(context, kExamples);
  g_option_context_add_main_entries(context, entries, nullptr);
  GError* raised = nullptr;
  g_option_context_parse(context, &argc, &argv, &raised);
  g_option_context_free(context);
  const Owned<GError> error(raised);
  if (error) throw restorect::UsageError(std::string(error->message) + "; see restorect-camera --help");
}

std::string only_artifact(char** artifacts) {
  const guint count = artifacts == nullptr ? 0 : g_strv_length(artifacts);
  if (count == 1) return artifacts[0];
  throw restorect::UsageError("one ARTIFACT is needed, got " + std::to_string(count) +
                              "; see restorect-camera --help");
}

}  // namespace

Options parse(int& argc, char**& argv) {
  Options options;
  Texts texts;
  gboolean overwrite = FALSE;
  const auto text = G_OPTION_ARG_STRING;
  const auto whole = G_OPTION_ARG_INT;
  const GOptionEntry entries[] = {
      {"source", 0, 0, text, &texts.source, "what to restore; default /dev/video0", "SOURCE"},
      {"sink", 0, 0, text, &texts.sink, "where it goes; default display", "SINK"},
      {"size", 0, 0, text, &texts.size, "of the frames; default: the source's", "WxH"},
      {"prior-every", 0, 0, whole, &options.prior_every, "run the prior every K frames; default 1", "K"},
      {"smooth", 0, 0, G_OPTION_ARG_DOUBLE, &options.smooth,
       "share of the latent kept from frame to frame, 0 to below 1; default 0", "A"},
      {"tile", 0, 0, whole, &options.tile, "side of what each tile contributes, in pixels", "N"},
      {"device", 0, 0, text, &texts.device, "such as cpu, gpu, cuda; default auto", "D"},
      {"threads", 0, 0, whole, &options.threads, "CPU threads; default: the backend decides", "N"},
      {"lanes", 0, 0, whole, &options.lanes,
       "frames restored at once; default: 2 of a file, and 1 of what may be live, where a frame shall not "
       "wait",
       "N"},
      {"overwrite", 0, 0, G_OPTION_ARG_NONE, &overwrite, "replace a file that exists", nullptr},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &texts.artifacts, nullptr, nullptr},
      {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr},
  };
  parse_entries(entries, argc, argv);
  options.artifact = only_artifact(texts.artifacts);
  if (texts.source != nullptr) options.source = texts.source;
  if (texts.sink != nullptr) options.sink = texts.sink;
  if (texts.device != nullptr) options.device = texts.device;
  if (texts.size != nullptr) options.size = parsed_size(texts.size);
  options.overwrite = overwrite != FALSE;
  return options;
}

}  // namespace camera
