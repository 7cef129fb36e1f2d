// INT8 on CPUs whose 16-bit sums can saturate, as restorect_edge/utils/cpu.py knows them.
#pragma once

#include <string>

#include "manifest.hpp"

namespace restorect {

/// Say why an artifact's INT8 can spoil pictures on this CPU; empty where it cannot.
std::string saturation_warning(const Manifest& manifest);

}  // namespace restorect
