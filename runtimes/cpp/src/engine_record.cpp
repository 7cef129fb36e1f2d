#include "engine_record.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "manifest.hpp"
#include "restorect/error.hpp"

namespace restorect {
namespace {

using Json = nlohmann::json;

[[noreturn]] void stale(const std::filesystem::path& engine, const std::string& why) {
  throw IncompatibleError("'" + engine.string() + "' cannot be used: " + why + "; build it here: python3 " +
                          (engine.parent_path() / "build_engine.py").string());
}

/// Whether a version, to the patch, is that of a record, which may have the build number too.
bool same_version(const std::string& record, const std::string& wanted) {
  return record == wanted || record.rfind(wanted + ".", 0) == 0;
}

}  // namespace

std::filesystem::path current_engine(const std::filesystem::path& onnx, const EngineKey& key) {
  std::filesystem::path engine = onnx;
  engine.replace_extension(".engine");
  if (!std::filesystem::is_regular_file(engine)) stale(engine, "there is none yet");
  std::string gpu, capability, tensorrt, source, digest;
  try {
    std::ifstream stream(engine.string() + ".json");
    const Json record = Json::parse(stream);
    const Json& built = record.at("key");
    built.at("gpu").get_to(gpu);
    built.at("compute_capability").get_to(capability);
    built.at("tensorrt").get_to(tensorrt);
    built.at("onnx_sha256").get_to(source);
    record.at("engine_sha256").get_to(digest);
  } catch (const Json::exception&) {
    stale(engine, "its record " + engine.filename().string() + ".json is missing or damaged");
  }
  const auto differs = [&](const char* what, const std::string& was, const std::string& is) {
    stale(engine, std::string("it was built for ") + what + " '" + was + "', now it is '" + is + "'");
  };
  if (gpu != key.gpu) differs("GPU", gpu, key.gpu);
  if (capability != key.compute_capability) differs("compute capability", capability, key.compute_capability);
  if (!same_version(tensorrt, key.tensorrt)) differs("TensorRT", tensorrt, key.tensorrt);
  if (source != file_hash(onnx)) stale(engine, "it was built from another " + onnx.filename().string());
  if (digest != file_hash(engine)) stale(engine, "it was changed after it was built");
  return engine;
}

}  // namespace restorect
