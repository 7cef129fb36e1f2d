// The artifact's manifest, as restorect_edge/artifact.py writes and checks it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tiling.hpp"

namespace restorect {

/// One native file of an artifact.
struct GraphFile {
  std::string role;           ///< `whole`, `prior` or `body`.
  std::string file;           ///< Path inside the artifact.
  std::optional<Size> shape;  ///< Of its image input; none where both sides may vary, or for a prior.
};

/// How the split form computes what the prior looks at.
struct PriorSpec {
  int thumbnail, pool;
  bool deviation;  ///< Whether it also takes the standard deviations inside the blocks.
};

struct Manifest {
  std::string name, task, target, precision, form, cpu;
  bool levels = false;  ///< Whether its graphs take and give uint8 images, (1, H, W, 3) (--io uint8).
  int scale = 1;
  std::int64_t minimum = 1, multiple_of = 1;
  std::optional<std::int64_t> halo;
  std::vector<GraphFile> graphs;
  std::optional<PriorSpec> prior;
  std::map<std::string, std::string> files;  ///< sha256 by path.

  /// Return the smallest allowed size that holds another.
  Size padded(Size size) const;
  /// The halo rounded up to the size multiple, so that tiles start on the network's own grid.
  std::int64_t aligned_halo() const;
};

/// Read and check an artifact directory: its manifest and the sha256 of every file.
///
/// Throws UsageError: no such directory. IncompatibleError: no manifest, a damaged one, a newer schema, or a
/// file that is missing, not as it was written or a link to outside the directory.
Manifest open_artifact(const std::filesystem::path& path);

/// Return the sha256 of a file in hex. Throws IncompatibleError: it cannot be read.
std::string file_hash(const std::filesystem::path& path);

}  // namespace restorect
