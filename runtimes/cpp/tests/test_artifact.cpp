#include <fstream>
#include <nlohmann/json.hpp>

#include "manifest.hpp"
#include "support.hpp"

namespace {

using namespace restorect;
using nlohmann::json;
using support::Copy;
using support::message;

json manifest_of(const Copy& copy) {
  std::ifstream stream(copy.path() / "manifest.json");
  return json::parse(stream);
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// Why an artifact with this manifest is refused.
std::string refused(const Copy& copy, const json& manifest) {
  write(copy.path() / "manifest.json", manifest.dump());
  return message<IncompatibleError>([&] { open_artifact(copy.path()); });
}

}  // namespace

TEST_CASE("a sha256 is what the standard says") {
  const Copy copy;
  write(copy.path() / "abc", "abc");
  CHECK(file_hash(copy.path() / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("what is no artifact is refused") {
  CHECK_CONTAINS(message<UsageError>([] { open_artifact("/nowhere"); }), "no artifact at '/nowhere'");
  const Copy copy;
  std::filesystem::remove(copy.path() / "manifest.json");
  CHECK_CONTAINS(message<IncompatibleError>([&] { open_artifact(copy.path()); }), "has no manifest.json");
}

TEST_CASE("a changed or missing file is named") {
  {
    const Copy copy;
    std::ofstream(copy.path() / "body.bin", std::ios::app | std::ios::binary) << "x";
    const auto text = message<IncompatibleError>([&] { Runtime runtime(copy.path()); });
    CHECK_CONTAINS(text, "body.bin' was changed after the export: sha256");
  }
  const Copy copy;
  std::filesystem::remove(copy.path() / "prior.xml");
  CHECK_CONTAINS(message<IncompatibleError>([&] { open_artifact(copy.path()); }), "prior.xml' is missing");
}

TEST_CASE("a manifest that is cut off anywhere is refused") {
  const Copy copy;
  std::ifstream stream(copy.path() / "manifest.json");
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  for (std::size_t length = 0; length + 2 < whole.size(); length += 13) {
    write(copy.path() / "manifest.json", whole.substr(0, length));
    CHECK_CONTAINS(message<IncompatibleError>([&] { open_artifact(copy.path()); }), "export again");
  }
}

TEST_CASE("a manifest with anything missing, of another type or out of range is refused") {
  const Copy copy;
  const json whole = manifest_of(copy);
  for (const char* key : {"name", "task", "target", "precision", "form", "spec", "graphs", "files"}) {
    json manifest = whole;
    manifest.erase(key);
    CHECK_CONTAINS(refused(copy, manifest), "is damaged");
    for (const json& other : {json(7), json("x"), json(nullptr), json::array({1, 2}), json{{"a", 1}}}) {
      if (other.type() == whole[key].type()) continue;
      manifest[key] = other;
      CHECK_CONTAINS(refused(copy, manifest), "is damaged");
    }
  }
  for (const char* place : {"/spec/scale", "/spec/halo", "/spec/size/minimum", "/spec/size/multiple_of",
                            "/prior/pool", "/prior/thumbnail"}) {
    for (const json& value : {json(-1), json(1e9), json(1LL << 40), json("8"), json(2.5)}) {
      json manifest = whole;
      manifest[json::json_pointer(place)] = value;
      CHECK_CONTAINS(refused(copy, manifest), "is damaged");
    }
  }
  json manifest = whole;
  manifest["surprise"] = 1;
  CHECK_CONTAINS(refused(copy, manifest), "unknown key 'surprise' in it");
  manifest = whole;
  manifest["graphs"].erase(1);
  CHECK_CONTAINS(refused(copy, manifest), "at least one body");
}

TEST_CASE("a newer schema, another target and a graph that is none are told apart") {
  const Copy copy;
  const json whole = manifest_of(copy);
  json manifest = whole;
  manifest["schema_version"] = 99;
  CHECK_CONTAINS(refused(copy, manifest), "has schema version 99");
  manifest = whole;
  manifest["target"] = "coreml";
  write(copy.path() / "manifest.json", manifest.dump());
  CHECK_CONTAINS(message<IncompatibleError>([&] { Runtime runtime(copy.path()); }),
                 "exported with --target coreml");
  manifest = whole;
  // Cut off behind its head, so that OpenVINO does not try its other front ends: one leaks eight bytes.
  write(copy.path() / "body.xml", "<?xml version=\"1.0\"?>\n<net name=\"body\" version=\"11\">");
  manifest["files"]["body.xml"] = file_hash(copy.path() / "body.xml");
  write(copy.path() / "manifest.json", manifest.dump());
  CHECK_CONTAINS(message<BackendError>([&] { Runtime runtime(copy.path()); }), "cannot load");
}
