// Runs the shader's kernels on whole frames: compiled with the text of ConvertShader.swift as shader.inc.
#include "shader.inc"

namespace {

/// A grid like that of `MetalConverter`, which goes beyond the picture.
template <typename Kernel>
void dispatch(uint width, uint height, Kernel run) {
  for (uint y = 0; y < (height + 15) / 16 * 16; ++y) {
    for (uint x = 0; x < (width + 15) / 16 * 16; ++x) run(uint2(x, y));
  }
}

Matrix matrix_of(const int* numbers) {
  Matrix matrix{};
  matrix.black = numbers[0];
  for (int i = 0; i < 5; ++i) matrix.toRGB[i] = numbers[1 + i];
  for (int i = 0; i < 9; ++i) matrix.fromRGB[i] = numbers[6 + i];
  return matrix;
}

}  // namespace

extern "C" void to_bgra(std::uint8_t* luma, std::uint8_t* chroma, uint stride, std::uint8_t* bgra, uint width,
                        uint height, const int* numbers) {
  const Matrix matrix = matrix_of(numbers);
  dispatch(width, height, [&](uint2 at) {
    nv12_to_bgra({luma, width, height, stride, 1}, {chroma, width / 2, height / 2, stride, 2},
                 {bgra, width, height, 4 * width, 4}, matrix, at);
  });
}

extern "C" void from_bgra(std::uint8_t* luma, std::uint8_t* chroma, uint stride, std::uint8_t* bgra, uint width,
                          uint height, const int* numbers) {
  const Matrix matrix = matrix_of(numbers);
  dispatch(width / 2, height / 2, [&](uint2 at) {
    bgra_to_nv12({bgra, width, height, 4 * width, 4}, {luma, width, height, stride, 1},
                 {chroma, width / 2, height / 2, stride, 2}, matrix, at);
  });
}
