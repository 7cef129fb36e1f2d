// The contract of a manifest, spec/README.md: what is in it, and what is refused.
#pragma once

#include <filesystem>
#include <string>

#include "manifest.hpp"

namespace restorect {

/// Read a manifest file. Throws IncompatibleError: it is no manifest, a newer one, or damaged.
Manifest read_manifest(const std::filesystem::path& source);

/// Return what is wrong with the path of a file in an artifact, or an empty text.
std::string path_fault(const std::string& path);

}  // namespace restorect
