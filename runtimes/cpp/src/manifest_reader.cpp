#include "manifest_reader.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "restorect/error.hpp"
#include "strict_json.hpp"

namespace restorect {
namespace {

using Json = nlohmann::json;
using Keys = std::set<std::string>;

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kLargestSide = 65536, kLargestMultiple = 4096;
constexpr std::size_t kMostGraphs = 256;
const Keys kNeeded = {"schema_version", "name", "task",   "target", "precision",
                      "form",           "spec", "graphs", "files"};
const Keys kOptional = {"prior",   "steps",   "input",           "weights",     "tools",
                        "options", "created", "toolkit_version", "verification"};

const Json& object(const Json& value, const std::string& name, const Keys& needed, const Keys& optional) {
  if (!value.is_object()) throw Damage(name + " is no object");
  for (const auto& [key, unused] : value.items()) {
    if (needed.count(key) + optional.count(key) == 0)
      throw Damage("unknown key " + shown(key) + " in " + name);
  }
  for (const std::string& key : needed) {
    if (!value.contains(key)) throw Damage(name + " lacks '" + key + "'");
  }
  return value;
}

std::string text(const Json& value, const std::string& name, std::size_t least = 0) {
  if (!value.is_string()) throw Damage(name + " is no text");
  const auto& found = value.get_ref<const std::string&>();
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(found.begin(), found.end(), control)) throw Damage(name + " has a control character");
  if (found.size() < least) throw Damage(name + " is empty");
  return found;
}

/// A whole number, which may be written 8.0, for not every language can tell it from 8.
std::int64_t number(const Json& value, const std::string& name, std::int64_t least, std::int64_t most) {
  const double found = value.is_number() ? value.get<double>() : std::nan("");
  // Not a number compares false.
  if (!(found >= static_cast<double>(least) && found <= static_cast<double>(most)) ||
      found != std::floor(found)) {
    throw Damage(name + " is " + (value.is_primitive() ? shown(value.dump()) : "a list or an object") +
                 ", expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<std::int64_t>(found);
}

bool given(const Json& data, const char* key) { return data.contains(key) && !data[key].is_null(); }

void check_texts(const Json& data, const char* key, const Keys* only = nullptr) {
  if (!data.contains(key)) return;
  if (!data[key].is_object()) throw Damage(std::string(key) + " is no object");
  for (const auto& [name, value] : data[key].items()) {
    if ((only == nullptr || only->count(name) != 0) && !value.is_string()) {
      throw Damage(std::string(key) + "." + shown(name) + " is no text");
    }
  }
}

std::string path(const std::string& found, const std::string& name) {
  if (const std::string fault = path_fault(found); !fault.empty()) {
    throw Damage(name + " " + shown(found) + " " + fault);
  }
  return found;
}

GraphFile graph_file(const Json& data) {
  object(data, "graphs", {"role", "file"}, {"shape"});
  GraphFile graph{text(data["role"], "graphs.role"), {}, {}};
  if (Keys{"whole", "prior", "body"}.count(graph.role) == 0)
    throw Damage("unknown role " + shown(graph.role));
  if (!data["file"].is_string()) throw Damage("graphs.file is no text");
  graph.file = path(data["file"].get<std::string>(), "graphs.file");
  if (!given(data, "shape")) return graph;
  const Json& shape = data["shape"];
  if (!shape.is_array() || shape.size() != 2) throw Damage("graphs.shape is no list of height and width");
  graph.shape = Size{number(shape[0], "graphs.shape", 1, kLargestSide),
                     number(shape[1], "graphs.shape", 1, kLargestSide)};
  return graph;
}

void read_spec(const Json& spec, Manifest& manifest) {
  object(spec, "spec", {"scale", "size", "halo"}, {});
  const Json& size = object(spec["size"], "spec.size", {"minimum", "multiple_of"}, {});
  manifest.scale = static_cast<int>(number(spec["scale"], "spec.scale", 1, 16));
  manifest.minimum = number(size["minimum"], "spec.size.minimum", 1, kLargestMultiple);
  manifest.multiple_of = number(size["multiple_of"], "spec.size.multiple_of", 1, kLargestMultiple);
  if (!spec["halo"].is_null()) manifest.halo = number(spec["halo"], "spec.halo", 0, kLargestSide);
}

PriorSpec prior_spec(const Json& data, std::int64_t multiple_of) {
  object(data, "prior", {"thumbnail", "pool"}, {"deviation"});
  PriorSpec prior{static_cast<int>(number(data["thumbnail"], "prior.thumbnail", 1, 1024)),
                  static_cast<int>(number(data["pool"], "prior.pool", 1, 256)), false};
  // padded sides are multiples of the one, and have to hold whole blocks of the other
  if (multiple_of % prior.pool != 0) throw Damage("prior.pool does not divide spec.size.multiple_of");
  if (!data.contains("deviation")) return prior;
  if (!data["deviation"].is_boolean()) throw Damage("prior.deviation is no boolean");
  prior.deviation = data["deviation"].get<bool>();
  return prior;
}

void check_form(const Manifest& manifest) {
  std::size_t wholes = 0, priors = 0;
  for (const GraphFile& graph : manifest.graphs) {
    wholes += graph.role == "whole";
    priors += graph.role == "prior";
  }
  const std::size_t all = manifest.graphs.size();
  if (manifest.form == "whole") {
    if (wholes != all || manifest.prior) throw Damage("a whole artifact has another graph or a prior");
  } else if (manifest.form == "split") {
    if (wholes != 0 || priors != 1 || all == 1 || !manifest.prior) {
      throw Damage("a split artifact has one prior, described by 'prior', and at least one body");
    }
  } else {
    throw Damage("form is " + shown(manifest.form) + ", expected whole or split");
  }
}

void read_files(const Json& data, Manifest& manifest) {
  if (!data.is_object()) throw Damage("files is no object");
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  for (const auto& [name, digest] : data.items()) {
    const std::string sha256 = digest.is_string() ? digest.get<std::string>() : "";
    if (sha256.size() != 64 || !std::all_of(sha256.begin(), sha256.end(), hex)) {
      throw Damage("files." + shown(name) + " is no sha256");
    }
    manifest.files[path(name, "files")] = sha256;
  }
  for (const GraphFile& graph : manifest.graphs) {
    const auto inside = manifest.files.lower_bound(graph.file + "/");  // of a graph that is a folder
    const bool folder = inside != manifest.files.end() && inside->first.rfind(graph.file + "/", 0) == 0;
    if (manifest.files.count(graph.file) == 0 && !folder) throw Damage("no sha256 of " + graph.file);
  }
}

/// Whether images are uint8 with channels last at the graphs' inputs and outputs.
bool in_levels(const Json& data) {
  const Json image = data.value("input", Json::object()).value("image", Json());
  return image.is_object() && image.value("dtype", Json()) == "uint8" &&
         image.value("layout", Json()) == "NHWC";
}

Manifest from_dict(const Json& data) {
  object(data, "it", kNeeded, kOptional);
  Manifest manifest;
  manifest.name = text(data["name"], "name", 1);
  manifest.task = text(data["task"], "task", 1);
  manifest.target = text(data["target"], "target", 1);
  manifest.precision = text(data["precision"], "precision", 1);
  manifest.form = text(data["form"], "form");
  for (const char* key : {"created", "toolkit_version"}) {
    if (data.contains(key)) text(data[key], key);
  }
  if (given(data, "steps")) number(data["steps"], "steps", 1, kLargestSide);
  const Keys named = {"name", "sha256", "license", "licence"}, cpu = {"cpu"}, none;
  check_texts(data, "weights", &named);
  check_texts(data, "tools");
  check_texts(data, "options", &cpu);
  check_texts(data, "input", &none);
  check_texts(data, "verification", &none);
  manifest.cpu = data.value("options", Json::object()).value("cpu", "");
  manifest.levels = in_levels(data);
  read_spec(data["spec"], manifest);
  const Json& graphs = data["graphs"];
  if (!graphs.is_array() || graphs.empty() || graphs.size() > kMostGraphs) {
    throw Damage("graphs is no list of 1 to 256 graphs");
  }
  for (const Json& graph : graphs) manifest.graphs.push_back(graph_file(graph));
  if (given(data, "prior")) manifest.prior = prior_spec(data["prior"], manifest.multiple_of);
  check_form(manifest);
  read_files(data["files"], manifest);
  return manifest;
}

/// Return the schema version of a document. Throws Damage: it has none.
double version_of(const Json& data) {
  if (!data.is_object()) throw Damage("it is no object");
  const Json& version = data.contains("schema_version") ? data["schema_version"] : Json();
  const double found = version.is_number() ? version.get<double>() : 0;
  if (found < 1 || found != std::floor(found)) throw Damage("it has no schema_version");
  return found;
}

}  // namespace

Manifest read_manifest(const std::filesystem::path& source) {
  const std::string named = "'" + source.string() + "'";
  Json data;
  double version = 0;
  try {
    data = strict_json(source);
    version = version_of(data);
  } catch (const std::exception& error) {
    throw IncompatibleError(named + " is not a manifest: " + error.what() + "; export again");
  }
  if (version > kSchemaVersion) {
    throw IncompatibleError(named + " has schema version " + data["schema_version"].dump() +
                            ", this library reads up to " + std::to_string(kSchemaVersion) +
                            ": build a newer one, or export again with the toolkit of this version");
  }
  try {
    return from_dict(data);
  } catch (const std::exception& error) {
    throw IncompatibleError(named + " is damaged: " + error.what() + "; export again");
  }
}

std::string path_fault(const std::string& path) {
  const auto outside = [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '\\' || c == ':'; };
  if (std::any_of(path.begin(), path.end(), outside)) return "has a character that paths here do not have";
  if (path == "manifest.json") return "is the manifest itself";
  for (std::size_t start = 0;;) {
    const std::size_t stop = std::min(path.find('/', start), path.size());
    // An absolute path has an empty component; '..' and '.' end in a dot, which Windows drops, as it does
    // spaces.
    if (stop == start) return "is absolute or has an empty component";
    if (path[stop - 1] == '.' || path[stop - 1] == ' ')
      return "has a component that ends in a dot or a space";
    if (stop == path.size()) return "";
    start = stop + 1;
  }
}

}  // namespace restorect
