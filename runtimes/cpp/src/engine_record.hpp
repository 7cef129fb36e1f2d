// What build_engine.py says of an engine that it built, as restorect_edge/targets/tensorrt/build_engine.py
// writes it.
#pragma once

#include <filesystem>
#include <string>

namespace restorect {

/// What an engine must have been built for.
struct EngineKey {
  std::string gpu;                 ///< Name of the GPU.
  std::string compute_capability;  ///< Such as `8.7`.
  std::string tensorrt;            ///< Product and version to the patch, such as `TensorRT 10.3.0`.
};

/// Return the engine beside an ONNX file, compared with its record; it is not opened for that.
///
/// Throws IncompatibleError: there is none, it was built for something else, or it was changed since.
std::filesystem::path current_engine(const std::filesystem::path& onnx, const EngineKey& key);

}  // namespace restorect
