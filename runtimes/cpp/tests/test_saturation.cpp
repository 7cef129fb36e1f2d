// INT8 with the full range of its weights: warned of where the CPU, or the switch that speaks for it, has no
// VNNI.
#include <doctest/doctest.h>
#include <cstdlib>

#include "restorect/error.hpp"
#include "saturation.hpp"

namespace {

std::string warned(const char* precision, const char* cpu, const char* vnni) {
  restorect::Manifest manifest;
  manifest.name = "mine";
  manifest.precision = precision;
  manifest.cpu = cpu;
  setenv("RESTORECT_EDGE_VNNI", vnni, 1);
  const std::string said = restorect::saturation_warning(manifest);
  unsetenv("RESTORECT_EDGE_VNNI");
  return said;
}

}  // namespace

TEST_CASE("full-range INT8 is warned of without VNNI") {
  CHECK(warned("int8", "vnni", "0").find("'mine' is INT8 for CPUs with VNNI") == 0);
  CHECK_FALSE(warned("int8", "", "0").empty());  // an artifact of before there was a choice
  CHECK(warned("int8", "vnni", "1").empty());
}

TEST_CASE("what is exact on every x86 is not") {
  for (const char* cpu : {"portable", "avx2"}) CHECK(warned("int8", cpu, "0").empty());
  CHECK(warned("fp32", "", "0").empty());
}

TEST_CASE("a switch that is neither 0 nor 1 is refused") {
  CHECK_THROWS_WITH_AS(
      warned("int8", "vnni", "no"),
      "RESTORECT_EDGE_VNNI says whether the CPU has VNNI, 0 or 1, got 'no'; unset it to look",
      restorect::UsageError);
  unsetenv("RESTORECT_EDGE_VNNI");
}
