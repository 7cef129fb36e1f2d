// The corpus that every reader of manifests passes: spec/README.md. RESTORECT_CORPUS names another, made
// alike.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "manifest.hpp"
#include "manifest_reader.hpp"
#include "support.hpp"

namespace {

namespace fs = std::filesystem;
using namespace restorect;
using nlohmann::json;
using support::Copy;
using support::message;

fs::path corpus() {
  const char* other = std::getenv("RESTORECT_CORPUS");
  return other == nullptr ? RESTORECT_CORPUS : other;
}

json corpus_index() {
  std::ifstream stream(corpus() / "index.json");
  return json::parse(stream);
}

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// What the reader says: the kind of a row of the index.
template <typename Work>
std::string kind_of(const std::map<std::string, std::string>& kinds, Work work) {
  try {
    work();
  } catch (const IncompatibleError& error) {
    for (const auto& [words, kind] : kinds) {
      if (std::string(error.what()).find(words) != std::string::npos) return kind;
    }
    return error.what();
  }
  return "valid";
}

/// Move what is at a path to elsewhere and put a link to it there.
void link_to(const fs::path& elsewhere, const fs::path& path) {
  fs::rename(path, elsewhere);
  fs::create_symlink(elsewhere, path);
}

void change(const std::string& how, const fs::path& path, const fs::path& elsewhere) {
  if (how == "none") return;
  if (how == "add" || how == "edit") std::ofstream(path, std::ios::app | std::ios::binary) << "x";
  if (how == "empty") std::ofstream(path, std::ios::trunc);
  if (how == "link out") link_to(elsewhere / "moved", path);
  if (how == "link inside") link_to(path.parent_path() / "moved", path);
  if (how == "remove" || how == "folder" || how == "link nowhere") fs::remove(path);
  if (how == "folder") fs::create_directory(path);
  if (how == "link nowhere") fs::create_symlink("gone", path);
}

}  // namespace

TEST_CASE("every manifest of the corpus is taken or refused as it must be") {
  const std::map<std::string, std::string> kinds = {{"' is not a manifest: ", "not a manifest"},
                                                    {"' has schema version ", "newer"},
                                                    {"' is damaged: ", "damaged"}};
  const Copy scratch(corpus() / "valid");
  const fs::path source = scratch.path() / "manifest.json";
  const json index = corpus_index();
  REQUIRE(index["manifests"].size() > 100);
  for (const json& row : index["manifests"]) {
    std::string text = read(corpus() / row["file"].get<std::string>());
    text.resize(std::max<std::size_t>(text.size(), row.value("padded_to", 0)), ' ');
    std::ofstream(source, std::ios::binary) << text;
    CHECK_MESSAGE(kind_of(kinds, [&] { read_manifest(source); }) == row["kind"], row.dump());
  }
}

TEST_CASE("every folder of the corpus is taken or refused as it must be") {
  const std::map<std::string, std::string> kinds = {{"' is missing from the artifact", "missing"},
                                                    {"' was changed after the export", "changed"},
                                                    {"' is a link to outside the artifact", "outside"}};
  const json index = corpus_index();
  for (const json& row : index.value("folders", json::array())) {
    const Copy artifact(corpus() / "artifact"), elsewhere(corpus() / "valid");
    fs::copy_file(corpus() / "valid/file-names.json", artifact.path() / "manifest.json");
    change(row["change"], artifact.path() / row["path"].get<std::string>(), elsewhere.path());
    CHECK_MESSAGE(kind_of(kinds, [&] { open_artifact(artifact.path()); }) == row["kind"], row.dump());
  }
}

TEST_CASE("a graph that is a folder is found by its files") {
  const Copy artifact(corpus() / "artifact");
  fs::copy_file(corpus() / "valid/package.json", artifact.path() / "manifest.json");
  CHECK(open_artifact(artifact.path()).graphs[0].file == "model.mlpackage");
  fs::remove(artifact.path() / "model.mlpackage/Data/weights.bin");
  CHECK_CONTAINS(message<IncompatibleError>([&] { open_artifact(artifact.path()); }), "is missing");
}
