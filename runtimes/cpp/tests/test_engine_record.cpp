#include <fstream>
#include <nlohmann/json.hpp>

#include "engine_record.hpp"
#include "manifest.hpp"
#include "support.hpp"

namespace {

using namespace restorect;
using nlohmann::json;
using support::Copy;
using support::message;

const EngineKey kOrin{"Orin", "8.7", "TensorRT 10.3.0"};

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// An ONNX file with its engine and record, as build_engine.py leaves them; neither is real.
struct Built {
  Copy copy;
  std::filesystem::path onnx = copy.path() / "body.onnx", engine = copy.path() / "body.engine";
  json record;

  Built() {
    write(onnx, "a graph");
    write(engine, "a plan");
    record["key"] = {{"gpu", "Orin"},
                     {"compute_capability", "8.7"},
                     {"tensorrt", "TensorRT 10.3.0"},
                     {"jetpack", "6"},
                     {"l4t", "36.4.3"},
                     {"cuda", "12.6"},
                     {"profile", nullptr},
                     {"onnx_sha256", file_hash(onnx)}};
    record["engine_sha256"] = file_hash(engine);
    save();
  }

  void save() const { write(engine.string() + ".json", record.dump()); }
  std::string refused() const {
    return message<IncompatibleError>([this] { current_engine(onnx, kOrin); });
  }
};

}  // namespace

TEST_CASE("an engine that was built here is found") {
  Built built;
  CHECK(current_engine(built.onnx, kOrin) == built.engine);
  built.record["key"]["tensorrt"] = "TensorRT 10.3.0.26";
  built.save();
  CHECK(current_engine(built.onnx, kOrin) == built.engine);
}

TEST_CASE("an engine for something else is refused, with what to do") {
  const std::pair<const char*, const char*> others[] = {
      {"gpu", "GPU 'other', now it is 'Orin'"},
      {"compute_capability", "'other', now it is '8.7'"},
      {"tensorrt", "TensorRT 'other', now it is 'TensorRT 10"},
      {"onnx_sha256", "built from another body.onnx"}};
  for (const auto& [entry, text] : others) {
    Built built;
    built.record["key"][entry] = "other";
    built.save();
    CHECK_CONTAINS(built.refused(), text);
    CHECK_CONTAINS(built.refused(), "build_engine.py");
  }
  Built newer;
  newer.record["key"]["tensorrt"] = "TensorRT 10.3.01";
  newer.save();
  CHECK_CONTAINS(newer.refused(), "TensorRT 'TensorRT 10.3.01'");
}

TEST_CASE("an engine that is missing, changed or without a record is refused") {
  Built built;
  write(built.engine, "another plan");
  CHECK_CONTAINS(built.refused(), "was changed after it was built");
  for (const std::string text : {"", "{", "[]", "{\"key\": {}}", "{\"key\": {\"gpu\": 1}}"}) {
    write(built.engine.string() + ".json", text);
    CHECK_CONTAINS(built.refused(), "body.engine.json is missing or damaged");
  }
  std::filesystem::remove(built.engine.string() + ".json");
  CHECK_CONTAINS(built.refused(), "is missing or damaged");
  std::filesystem::remove(built.engine);
  CHECK_CONTAINS(built.refused(), "there is none yet");
}
