// Pass the golden vectors through artifacts: a JSON line per artifact, frame layout and form.
//
//   restorect-golden GOLDEN_DIR [--rounds N] ARTIFACT...
//
// ../golden/README.md says what the keys are. Exits with 2 where a vector fails.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "backend.hpp"
#include "layouts.hpp"
#include "manifest.hpp"
#include "restorect/restorect.hpp"

namespace {

using nlohmann::json;
using restorect::FrameFormat;
using restorect::Layout;
using Bytes = std::vector<std::uint8_t>;

Layout layout_of(const std::string& name) {
  const auto found = restorect::layout_named(name);
  if (!found) throw restorect::IncompatibleError("golden.json has frames of '" + name + "'");
  return *found;
}

FrameFormat format_of(const json& frame) {
  FrameFormat format{layout_of(frame.at("layout")), frame.at("width"), frame.at("height"),
                     frame.at("stride")};
  if (frame.at("matrix") == "bt709") format.matrix = restorect::Matrix::bt709;
  if (frame.at("range") == "full") format.range = restorect::Range::full;
  return format;
}

Bytes content(const std::filesystem::path& folder, const json& entry) {
  const auto path = folder / entry.at("file").get<std::string>();
  if (restorect::file_hash(path) != entry.at("sha256")) {
    throw restorect::IncompatibleError("'" + path.string() + "' was changed; make the vectors again");
  }
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// What one line reports.
struct Line {
  int vectors = 0, passed = 0, max_difference = 0;
  int tile = 0;
};

/// Compare levels; returns whether they are within the tolerance.
bool judged(const Bytes& got, const Bytes& expected, const json& tolerance, Line& line) {
  double squares = 0;
  std::size_t beyond = 0;
  const int levels = tolerance.value("levels", 0);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const int off = std::abs(int{got[i]} - int{expected[i]});
    line.max_difference = std::max(line.max_difference, off);
    squares += off * off;
    if (off > levels) ++beyond;
  }
  const auto count = static_cast<double>(expected.size());
  if (!tolerance.contains("psnr_db"))
    return static_cast<double>(beyond) / count <= tolerance.at("share_beyond");
  return squares == 0 || 10 * std::log10(255.0 * 255.0 * count / squares) >= tolerance["psnr_db"];
}

bool latent_agrees(const std::vector<float>& z, const json& expected, double tolerance) {
  if (z.size() != expected.size()) return false;
  for (std::size_t i = 0; i < z.size(); ++i) {
    if (!(std::abs(z[i] - expected[i].get<float>()) <= tolerance)) return false;
  }
  return true;
}

/// Run one vector; `runtime` is null for `convert`.
bool passes(const std::filesystem::path& folder, const json& golden, const json& vector,
            restorect::Runtime* runtime, Line& line) {
  const FrameFormat format = format_of(vector.at("frame"));
  const Bytes input = content(folder, vector.at("input")), rgb = content(folder, vector.at("rgb"));
  const restorect::Frame frame{format, input.data(), input.size()};
  const FrameFormat straight{Layout::rgb, format.width, format.height};
  Bytes result(rgb.size());
  restorect::convert(frame, {straight, result.data(), result.size()});
  if (runtime == nullptr || result != rgb) return judged(result, rgb, {{"share_beyond", 0.0}}, line);
  line.tile = vector.at("tile").is_null() ? 0 : vector["tile"].get<int>();
  (*runtime)(frame, {straight, result.data(), result.size()}, line.tile);
  const std::string precision = runtime->info().precision;
  const json& tolerance = golden.at("tolerance");
  if (!judged(result, content(folder, vector.at("output")), tolerance.at(precision), line)) return false;
  return precision != "fp32" || vector.at("z").is_null() ||
         latent_agrees(runtime->latent(frame), vector["z"], tolerance.at("z"));
}

/// Median milliseconds of a 640×480 frame, converted, restored and converted back; null where it is not
/// timed.
json timed(restorect::Runtime* runtime, Layout layout, bool tiled, int rounds) {
  if (runtime == nullptr || rounds == 0) return nullptr;
  const FrameFormat format{layout, 640, 480};
  Bytes input(format.size()), output(format.size());
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(i * 2654435761U >> 26);
  std::vector<double> samples;
  for (int round = -2; round < rounds; ++round) {
    const auto started = std::chrono::steady_clock::now();
    (*runtime)({format, input.data(), input.size()}, {format, output.data(), output.size()}, tiled ? 256 : 0);
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - started;
    if (round >= 0) samples.push_back(taken.count());
  }
  std::nth_element(samples.begin(), samples.begin() + rounds / 2, samples.end());
  return std::round(1000 * samples[static_cast<std::size_t>(rounds / 2)]) / 1000;
}

/// Whether an artifact's sides are free or exactly those of the vector, and it has the vector's form.
bool suits(const restorect::Manifest& manifest, const json& vector) {
  const std::string form = vector.at("form");
  if (manifest.form != (form == "tiled" ? "split" : form)) return false;
  for (const auto& graph : manifest.graphs) {
    if (graph.role == "prior") continue;
    if (!graph.shape) return true;
    if (form != "tiled" && json{graph.shape->height, graph.shape->width} == vector.at("padded")) return true;
  }
  return false;
}

/// Whether an artifact's sides are free or exactly 640×480.
bool takes_timed(const restorect::Manifest& manifest) {
  return std::any_of(manifest.graphs.begin(), manifest.graphs.end(), [](const auto& graph) {
    return graph.role != "prior" && (!graph.shape || *graph.shape == restorect::Size{480, 640});
  });
}

/// Print the lines of one artifact, or of the conversion alone; returns whether all vectors passed.
bool run(const std::filesystem::path& folder, const json& golden, const std::string& artifact, int rounds) {
  std::unique_ptr<restorect::Runtime> runtime;
  restorect::Manifest manifest;
  manifest.form = "convert";
  manifest.graphs = {{"convert", "", {}}};
  if (!artifact.empty()) {
    manifest = restorect::open_artifact(artifact);
    runtime = std::make_unique<restorect::Runtime>(artifact);
  }
  std::map<std::pair<std::string, std::string>, Line> lines;
  for (const json& vector : golden.at("vectors")) {
    if (!suits(manifest, vector)) continue;
    Line& line = lines[{vector.at("form"), vector.at("frame").at("layout")}];
    ++line.vectors;
    line.passed += passes(folder, golden, vector, runtime.get(), line) ? 1 : 0;
  }
  if (lines.empty())
    throw restorect::IncompatibleError("'" + artifact + "' has the size or form of no vector");
  bool passed = true;
  for (const auto& [key, line] : lines) {
    json object = {{"runtime", "cpp-" + restorect::backend_name()},
                   {"precision", runtime ? json(manifest.precision) : json()},
                   {"format", key.second},
                   {"form", key.first},
                   {"vectors", line.vectors},
                   {"passed", line.passed},
                   {"max_difference", line.max_difference}};
    object["ms_640x480"] = timed(takes_timed(manifest) ? runtime.get() : nullptr, layout_of(key.second),
                                 key.first == "tiled", rounds);
    std::cout << object.dump() << std::endl;
    passed = passed && line.passed == line.vectors;
  }
  return passed;
}

int main_or_throw(std::vector<std::string> arguments) {
  int rounds = 0;
  const auto option = std::find(arguments.begin(), arguments.end(), "--rounds");
  if (option != arguments.end() && option + 1 != arguments.end()) {
    rounds = std::max(0, std::atoi((option + 1)->c_str()));
    arguments.erase(option, option + 2);
  }
  if (arguments.size() < 2)
    throw restorect::UsageError("usage: restorect-golden GOLDEN_DIR [--rounds N] ARTIFACT...");
  const std::filesystem::path folder = arguments.front();
  std::ifstream stream(folder / "golden.json");
  const json golden = json::parse(stream);
  if (golden.at("schema_version") != 1)
    throw restorect::IncompatibleError("golden.json has another schema version");
  bool passed = run(folder, golden, "", rounds);
  for (auto artifact = arguments.begin() + 1; artifact != arguments.end(); ++artifact) {
    passed = run(folder, golden, *artifact, rounds) && passed;
  }
  return passed ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return main_or_throw({argv + 1, argv + argc});
  } catch (const restorect::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return error.exit_code();
  } catch (const json::exception& error) {
    std::cerr << "error: golden.json is damaged: " << error.what() << "\n";
    return 4;
  }
}
