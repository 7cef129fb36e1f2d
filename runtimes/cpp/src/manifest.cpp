#include "manifest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "restorect/error.hpp"

namespace restorect {
namespace {

using Json = nlohmann::json;

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kLargest = 1 << 16;  // of any number in a manifest: sides, multiples, halo
const std::set<std::string> kKeys = {
    "name",    "task",    "target",          "precision",    "form",    "spec",
    "graphs",  "prior",   "steps",           "input",        "weights", "tools",
    "options", "created", "toolkit_version", "verification", "files",   "schema_version"};

/// What is wrong with a manifest; `parsed` says where and how to mend it.
struct Damage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::int64_t number(const Json& value, const std::string& name, std::int64_t least,
                    std::int64_t most = kLargest) {
  if (!value.is_number_integer()) throw Damage(name + " is no whole number");
  const auto found = value.get<std::int64_t>();
  if (found < least || found > most) throw Damage(name + " is " + std::to_string(found));
  return found;
}

GraphFile graph_file(const Json& data) {
  GraphFile graph{data.at("role").get<std::string>(), data.at("file").get<std::string>(), {}};
  if (data.contains("shape") && !data["shape"].is_null()) {
    const Json& shape = data["shape"];
    graph.shape = Size{number(shape.at(0), "shape", 1), number(shape.at(1), "shape", 1)};
  }
  return graph;
}

PriorSpec prior_spec(const Json& data, std::int64_t multiple_of) {
  const PriorSpec prior{static_cast<int>(number(data.at("thumbnail"), "thumbnail", 1, 4096)),
                        static_cast<int>(number(data.at("pool"), "pool", 1, 256))};
  if (multiple_of % prior.pool != 0) throw Damage("pool does not divide multiple_of");
  return prior;
}

void check_graphs(const Manifest& manifest) {
  const auto is_prior = [](const GraphFile& graph) { return graph.role == "prior"; };
  const auto priors = std::count_if(manifest.graphs.begin(), manifest.graphs.end(), is_prior);
  if (static_cast<std::size_t>(priors) == manifest.graphs.size()) throw Damage("no graph that restores");
  if (manifest.prior && priors == 0) throw Damage("no prior among the graphs");
}

Manifest from_dict(const Json& data) {
  for (const auto& [key, value] : data.items()) {
    if (kKeys.count(key) == 0) throw Damage("unknown key '" + key + "'");
  }
  Manifest manifest;
  manifest.name = data.at("name").get<std::string>();
  manifest.task = data.at("task").get<std::string>();
  manifest.target = data.at("target").get<std::string>();
  manifest.precision = data.at("precision").get<std::string>();
  manifest.form = data.at("form").get<std::string>();
  manifest.cpu = data.value("options", Json::object()).value("cpu", "");
  const Json &spec = data.at("spec"), &size = spec.at("size");
  manifest.scale = static_cast<int>(number(spec.at("scale"), "scale", 1));
  manifest.minimum = number(size.at("minimum"), "minimum", 1);
  manifest.multiple_of = number(size.at("multiple_of"), "multiple_of", 1);
  if (!spec.at("halo").is_null()) manifest.halo = number(spec["halo"], "halo", 0);
  for (const Json& graph : data.at("graphs")) manifest.graphs.push_back(graph_file(graph));
  if (data.contains("prior") && !data["prior"].is_null()) {
    manifest.prior = prior_spec(data["prior"], manifest.multiple_of);
  }
  check_graphs(manifest);
  manifest.files = data.at("files").get<std::map<std::string, std::string>>();
  return manifest;
}

Manifest parsed(const std::filesystem::path& source) {
  const std::string named = "'" + source.string() + "'";
  Json data;
  std::int64_t version = 0;
  try {
    std::ifstream stream(source, std::ios::binary);
    data = Json::parse(stream);
    version = data.at("schema_version").get<std::int64_t>();
  } catch (const Json::exception& error) {
    throw IncompatibleError(named + " is not a manifest: " + error.what() + "; export again");
  }
  if (version > kSchemaVersion) {
    throw IncompatibleError(named + " has schema version " + std::to_string(version) +
                            ", this library reads up to " + std::to_string(kSchemaVersion) +
                            ": build a newer one, or export again with the toolkit of this version");
  }
  try {
    return from_dict(data);
  } catch (const std::exception& error) {
    throw IncompatibleError(named + " is damaged: " + error.what() + "; export again");
  }
}

void check_files(const Manifest& manifest, const std::filesystem::path& root) {
  for (const auto& [name, expected] : manifest.files) {
    const auto file = root / name;
    const std::string named = "'" + file.string() + "'";
    std::error_code unreadable;
    if (!std::filesystem::is_regular_file(file, unreadable)) {
      throw IncompatibleError(named + " is missing from the artifact; export or copy it again");
    }
    const std::string actual = file_hash(file);
    if (actual != expected) {
      throw IncompatibleError(named + " was changed after the export: sha256 " + actual.substr(0, 12) +
                              "…, the manifest says " + expected.substr(0, 12) +
                              "…; export or copy the artifact again");
    }
  }
}

}  // namespace

Size Manifest::padded(Size size) const {
  const auto up = [this](std::int64_t side) {
    return (std::max(side, minimum) + multiple_of - 1) / multiple_of * multiple_of;
  };
  return {up(size.height), up(size.width)};
}

std::int64_t Manifest::aligned_halo() const {
  return (halo.value_or(0) + multiple_of - 1) / multiple_of * multiple_of;
}

Manifest open_artifact(const std::filesystem::path& path) {
  std::error_code unreadable;
  if (!std::filesystem::is_directory(path, unreadable)) {
    throw UsageError("no artifact at '" + path.string() +
                     "': expected a directory made by restorect_edge.export");
  }
  const auto source = path / "manifest.json";
  if (!std::filesystem::is_regular_file(source, unreadable)) {
    throw IncompatibleError("'" + path.string() +
                            "' has no manifest.json: it is not an artifact, or its export was interrupted");
  }
  Manifest manifest = parsed(source);
  check_files(manifest, path);
  return manifest;
}

std::string file_hash(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool ok = stream.good() && digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> block(1 << 20);
  while (ok && stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    ok = !stream.bad() &&
         EVP_DigestUpdate(digest.get(), block.data(), static_cast<std::size_t>(stream.gcount())) == 1;
  }
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (!ok || EVP_DigestFinal_ex(digest.get(), raw, &length) != 1) {
    throw IncompatibleError("cannot read '" + path.string() + "'; copy the artifact again");
  }
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[raw[i] >> 4];
    hex += "0123456789abcdef"[raw[i] & 15];
  }
  return hex;
}

}  // namespace restorect
