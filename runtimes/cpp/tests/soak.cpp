// Ten thousand frames of every layout through one stream: resident memory must not grow once it is warm.
//
//   soak ARTIFACT [FRAMES]
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "restorect/restorect.hpp"

namespace {

using namespace restorect;

constexpr int kWidth = 16, kHeight = 16, kWarm = 1000;
constexpr long kAllowedKiB = 1024;  // of 9,000 frames: a leak of 120 bytes a frame shows

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
  }
  throw std::runtime_error("no VmRSS in /proc/self/status");
}

void restore_one(VideoRestorer& stream, int number, std::vector<std::uint8_t>& input,
                 std::vector<std::uint8_t>& output) {
  const FrameFormat format{static_cast<Layout>(number % 5), kWidth, kHeight};
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<std::uint8_t>(i * 31 + static_cast<std::size_t>(number));
  stream({format, input.data(), input.size()}, {format, output.data(), output.size()});
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw UsageError("usage: soak ARTIFACT [FRAMES]");
  const int frames = argc > 2 ? std::stoi(argv[2]) : 10000;
  const Runtime runtime(argv[1], {"cpu", 1});
  VideoRestorer stream(runtime, {8, 0.5, 0});
  std::vector<std::uint8_t> input(4 * kWidth * kHeight), output(input.size());
  long warm = 0;
  for (int number = 0; number < frames; ++number) {
    restore_one(stream, number, input, output);
    if (number == kWarm - 1) warm = resident_kib();
  }
  const long grown = resident_kib() - warm;
  std::cout << frames << " frames, " << stream.priors() << " priors, grown by " << grown << " KiB of " << warm
            << "\n";
  return grown <= kAllowedKiB ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
