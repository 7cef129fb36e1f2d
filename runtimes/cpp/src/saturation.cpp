#include "saturation.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "restorect/error.hpp"

namespace restorect {
namespace {

/// Whether an x86 CPU lacks instructions that add 8-bit products into 32 bits; only Linux says so in a file,
/// and only x86 CPUs have the question. RESTORECT_EDGE_VNNI, 0 or 1, overrides what is found.
bool lacks_vnni() {
  const char* value = std::getenv("RESTORECT_EDGE_VNNI");
  const std::string said = value == nullptr ? "" : value;
  if (said == "0" || said == "1") return said == "0";
  if (!said.empty()) {
    throw UsageError("RESTORECT_EDGE_VNNI says whether the CPU has VNNI, 0 or 1, got '" + said +
                     "'; unset it to look");
  }
  static const std::set<std::string> vnni = {"avx512_vnni", "avx_vnni", "amx_int8"};
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream flags(line);
    for (std::string flag; flags >> flag;) {
      if (vnni.count(flag) != 0) return false;
    }
    return true;
  }
  return false;
}

}  // namespace

std::string saturation_warning(const Manifest& manifest) {
  if (manifest.precision != "int8" || manifest.cpu == "portable" || manifest.cpu == "avx2" || !lacks_vnni())
    return "";
  return "'" + manifest.name +
         "' is INT8 for CPUs with VNNI, and this one has none: 16-bit sums can saturate and spoil the "
         "picture; "
         "export it again without --cpu vnni";
}

}  // namespace restorect
