#include "layouts.hpp"

#include <iterator>

#include "restorect/error.hpp"

namespace restorect {
namespace {

constexpr int place(std::string_view order, char letter) {
  const auto found = order.find(letter);
  return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

/// One byte a channel, in the order of the name.
constexpr LayoutFacts packed(const char* name) {
  const std::string_view order = name;
  const int step = static_cast<int>(order.size());
  const int alpha = place(order, 'a') >= 0 ? place(order, 'a') : place(order, 'x');
  return {name,
          Color::rgb,
          1,
          {{step}},
          {{0, place(order, 'r'), step}, {0, place(order, 'g'), step}, {0, place(order, 'b'), step}},
          1,
          1,
          alpha};
}

/// A plane of Y, and one of pairs that begin with Cb (`u` is 0) or Cr (1), of samples of `size` bytes.
constexpr LayoutFacts semi_planar(const char* name, int u, int down, int across, int size = 1,
                                  int shift = 0) {
  return {name,
          Color::yuv,
          2,
          {{size}, {2 * size, across, down}},
          {{0, 0, size}, {1, u * size, 2 * size}, {1, (1 - u) * size, 2 * size}},
          down,
          across,
          -1,
          shift};
}

/// Three planes, that of Cb being the `u`-th.
constexpr LayoutFacts planar(const char* name, int u, int down, int across, int size = 1, int shift = 0) {
  return {name,
          Color::yuv,
          3,
          {{size}, {size, across, down}, {size, across, down}},
          {{0, 0, size}, {u, 0, size}, {3 - u, 0, size}},
          down,
          across,
          -1,
          shift};
}

/// 4:2:2 in one plane, in the order of the name.
constexpr LayoutFacts interleaved(const char* name) {
  const std::string_view order = name;
  return {name,
          Color::yuv,
          1,
          {{4, 2}},
          {{0, place(order, 'y'), 2}, {0, place(order, 'u'), 4}, {0, place(order, 'v'), 4}},
          1,
          2};
}

/// In the order of `Layout`.
constexpr LayoutFacts kTable[] = {
    packed("rgb"),
    packed("bgr"),
    packed("bgra"),
    semi_planar("nv12", 0, 2, 2),
    interleaved("yuyv"),
    packed("rgba"),
    packed("argb"),
    packed("abgr"),
    packed("rgbx"),
    packed("bgrx"),
    packed("xrgb"),
    packed("xbgr"),
    {"gray8", Color::gray, 1, {{1}}, {{0, 0, 1}}},
    semi_planar("nv21", 1, 2, 2),
    semi_planar("nv16", 0, 1, 2),
    semi_planar("nv61", 1, 1, 2),
    semi_planar("nv24", 0, 1, 1),
    planar("i420", 1, 2, 2),
    planar("yv12", 2, 2, 2),
    planar("i422", 1, 1, 2),
    planar("i444", 1, 1, 1),
    interleaved("uyvy"),
    interleaved("yvyu"),
    interleaved("vyuy"),
    semi_planar("p010", 0, 2, 2, 2, 8),
    planar("i420p10", 1, 2, 2, 2, 2),
};

}  // namespace

const LayoutFacts& facts(Layout layout) {
  const auto index = static_cast<unsigned>(layout);
  if (index >= std::size(kTable)) {
    throw UsageError("unknown frame layout " + std::to_string(index) + "; known: 0 to " +
                     std::to_string(std::size(kTable) - 1) + ", " + layout_names());
  }
  return kTable[index];
}

std::optional<Layout> layout_named(std::string_view name) {
  for (std::size_t index = 0; index < std::size(kTable); ++index) {
    if (kTable[index].name == name) return static_cast<Layout>(index);
  }
  return std::nullopt;
}

std::string layout_names() {
  std::string names;
  for (const LayoutFacts& each : kTable) names += (names.empty() ? "" : ", ") + std::string(each.name);
  return names;
}

}  // namespace restorect
