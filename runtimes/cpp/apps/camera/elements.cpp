#include <filesystem>
#include <restorect/error.hpp>

#include "gst.hpp"
#include "options.hpp"

namespace camera {
namespace {

namespace fs = std::filesystem;

/// Encoders, the preferred one first, by what a container takes.
struct Encoder {
  const char* element;
  const char* description;
};
const Encoder kH264[] = {
    {"nvv4l2h264enc",
     "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! nvv4l2h264enc bitrate=12000000 ! h264parse"},
    {"x264enc", "x264enc pass=quant quantizer=18 speed-preset=superfast tune=zerolatency ! h264parse"},
};
const Encoder kOthers[] = {
    {"vp8enc", "vp8enc deadline=1 end-usage=cq cq-level=10 target-bitrate=12000000 keyframe-max-dist=60"},
    {"jpegenc", "jpegenc quality=95"},
};

/// Streams that are no video are left alone, so that no decoder of sound is needed.
const char* const kDecoder = " ! decodebin caps=\"video/x-raw(ANY)\" expose-all-streams=false";

bool installed(const char* element) {
  GstElementFactory* factory = gst_element_factory_find(element);
  if (factory == nullptr) return false;
  gst_object_unref(factory);
  return true;
}

/// A path as it is written in a pipeline.
std::string quoted(const std::string& path) {
  std::string text = "\"";
  for (const char c : path) text += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return text + "\"";
}

bool starts_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

std::string sides(const Options& options) {
  if (!options.size) return "";
  return ",width=" + std::to_string(options.size->width) + ",height=" + std::to_string(options.size->height);
}

std::string encoder(const std::string& suffix) {
  for (const Encoder& found : kH264) {
    if (installed(found.element)) return std::string("videoconvert ! ") + found.description;
  }
  for (const Encoder& found : kOthers) {
    if (suffix == ".mkv" && installed(found.element))
      return std::string("videoconvert ! ") + found.description;
  }
  throw restorect::MissingDependencyError(
      "no encoder for '" + suffix +
      "' files is installed; install gstreamer1.0-plugins-ugly (x264enc) or write .mkv");
}

}  // namespace

std::string source_description(const Options& options) {
  const std::string& source = options.source;
  if (source == "test") return "videotestsrc is-live=true pattern=ball";
  if (source == "csi" || starts_with(source, "csi:")) {
    const std::string number = source == "csi" ? "0" : source.substr(4);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos)
      throw restorect::UsageError("a Jetson's camera is csi:0, csi:1 and so on, got '" + source + "'");
    return "nvarguscamerasrc sensor-id=" + number + " ! video/x-raw(memory:NVMM)" + sides(options) +
           " ! nvvidconv ! video/x-raw,format=NV12";
  }
  if (starts_with(source, "/dev/")) {
    if (!fs::exists(source)) {
      throw restorect::UsageError("no camera at '" + source + "'; ls /dev/video* lists those that are there");
    }
    return "v4l2src device=" + quoted(source) + " ! video/x-raw" + sides(options) + ";image/jpeg" +
           sides(options) + kDecoder;
  }
  if (is_file(source) || fs::exists(source)) {
    if (!fs::is_regular_file(source)) {
      throw restorect::UsageError("no video at '" + source +
                                  "'; a source is a device, a file, csi:N, test or a pipeline");
    }
    return "filesrc location=" + quoted(source) + kDecoder;
  }
  return source;
}

bool is_file(const std::string& text) {
  return text.find_first_of("!=") == std::string::npos && fs::path(text).has_extension();
}

std::string sink_description(const Options& options) {
  const std::string& sink = options.sink;
  if (sink == "display") return "videoconvert ! autovideosink sync=false";
  if (!is_file(sink)) return sink;
  const fs::path path(sink);
  if (fs::exists(path) && !options.overwrite) {
    throw restorect::UsageError("'" + sink + "' exists; use --overwrite to replace it, or another --sink");
  }
  if (fs::exists(path) && fs::exists(options.source) && fs::equivalent(path, options.source))
    throw restorect::UsageError("'" + sink + "' is the source itself; choose another --sink");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(folder))
    throw restorect::UsageError("no folder '" + folder.string() + "' to write to");
  const std::string end = " ! filesink location=" + quoted(sink);
  const std::string suffix = path.extension().string();
  if (suffix == ".mkv") return encoder(suffix) + " ! matroskamux" + end;
  if (suffix == ".mp4") return encoder(suffix) + " ! mp4mux" + end;
  throw restorect::UsageError("cannot write a video to '" + sink + "'; possible: .mkv, .mp4 or a pipeline");
}

}  // namespace camera
