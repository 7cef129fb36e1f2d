// What a buffer may hold: the table of spec/frames/formats.json.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "restorect/frame.hpp"

namespace restorect {

enum class Color { rgb, yuv, gray };

/// Rows of a plane: `bytes` for each `across` pixels of a row, a row for each `down` rows of pixels.
struct PlaneShape {
  int bytes = 1, across = 1, down = 1;
};

/// Where the samples of a channel are within the rows of its plane, in bytes.
struct Channel {
  int plane = 0, offset = 0, step = 1;
};

struct LayoutFacts {
  const char* name;
  Color color;
  int plane_count;
  PlaneShape planes[3];
  Channel channels[3];
  /// Pixels that a chroma sample stands for.
  int block_height = 1, block_width = 1;
  /// Byte of alpha in a pixel; -1 where there is none.
  int alpha = -1;
  /// Of samples in words of two bytes, from a word to its 8 most significant bits; 0 for samples of a byte.
  int shift = 0;

  bool yuv() const { return color == Color::yuv; }
};

/// Throws UsageError: there is no such layout.
const LayoutFacts& facts(Layout layout);

/// Return the layout of that name of the table, if there is one.
std::optional<Layout> layout_named(std::string_view name);

/// Names of all layouts, separated by commas.
std::string layout_names();

}  // namespace restorect
