// Restore one gray NV21 frame, as Android's camera gives it, to RGBA: `brighten ARTIFACT`.
#include <iostream>
#include <restorect/restorect.hpp>

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw restorect::UsageError("usage: brighten ARTIFACT");
    restorect::Runtime restore(argv[1]);
    const restorect::FrameFormat camera{restorect::Layout::nv21, 96, 64};
    const int scale = restore.info().scale;
    const restorect::FrameFormat screen{restorect::Layout::rgba, 96 * scale, 64 * scale};
    const std::vector<std::uint8_t> dark(camera.size(), 40);
    std::vector<std::uint8_t> bright(screen.size());
    restore({camera, dark.data(), dark.size()}, {screen, bright.data(), bright.size()});
    std::cout << restore.info().name << " by " << restore.provider() << ": " << int{bright[0]} << "\n";
  } catch (const restorect::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return error.exit_code();
  }
}
