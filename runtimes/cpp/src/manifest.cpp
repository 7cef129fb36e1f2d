#include "manifest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "manifest_reader.hpp"
#include "restorect/error.hpp"

namespace restorect {
namespace {

/// Whether a file, all links followed, lies within a folder.
bool inside(const std::filesystem::path& file, const std::filesystem::path& root) {
  std::error_code circular, unreadable;
  const auto real = std::filesystem::weakly_canonical(file, circular);
  const auto folder = std::filesystem::canonical(root, unreadable);
  if (circular || unreadable) return false;
  const auto part = real.lexically_relative(folder);
  return !part.empty() && *part.begin() != "..";
}

void check_inside(const std::filesystem::path& file, const std::filesystem::path& root) {
  if (inside(file, root)) return;
  throw IncompatibleError(
      "'" + file.string() +
      "' is a link to outside the artifact; copy the artifact with the files that it links to");
}

void check_files(const Manifest& manifest, const std::filesystem::path& root) {
  for (const auto& [name, expected] : manifest.files) {
    const auto file = root / name;
    const std::string named = "'" + file.string() + "'";
    check_inside(file, root);
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
  check_inside(source, path);
  Manifest manifest = read_manifest(source);
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
