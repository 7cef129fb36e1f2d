// The frame formats and vectors of spec/frames.
#include <fstream>
#include <nlohmann/json.hpp>

#include "layouts.hpp"
#include "support.hpp"

namespace {

using namespace restorect;
using nlohmann::json;
using support::Bytes;

json read(const char* name) {
  std::ifstream stream(std::filesystem::path(RESTORECT_FRAMES) / name);
  return json::parse(stream);
}

Bytes bytes(const json& hex) {
  const auto text = hex.get<std::string>();
  Bytes found(text.size() / 2);
  for (std::size_t i = 0; i < found.size(); ++i)
    found[i] = static_cast<std::uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return found;
}

FrameFormat format_of(const json& frame) {
  const auto layout = layout_named(frame.at("layout").get<std::string>());
  if (!layout) throw UsageError("unknown frame layout");
  FrameFormat format{*layout, frame.at("width"), frame.at("height"), frame.value("stride", std::size_t{0})};
  const auto name = frame.value("matrix", "bt601");
  const char* const names[] = {"bt601", "bt709", "bt2020", "smpte240m"};
  format.matrix = static_cast<Matrix>(std::find(names, names + 4, name) - names);
  if (frame.value("range", "limited") == "full") format.range = Range::full;
  format.slice_height = frame.value("slice_height", 0);
  for (const json& plane : frame.value("planes", json::array()))
    format.planes.push_back({plane.at(0).get<std::size_t>(), plane.at(1).get<std::size_t>()});
  return format;
}

}  // namespace

TEST_CASE("the layouts are those of the table") {
  const char* const colors[] = {"rgb", "yuv", "gray"};
  int count = 0;
  const json table = read("formats.json");
  for (const auto& [name, row] : table.at("formats").items()) {
    CAPTURE(name);
    const auto layout = layout_named(name);
    REQUIRE(layout);
    const LayoutFacts& found = facts(*layout);
    CHECK(row.at("color") == colors[static_cast<int>(found.color)]);
    CHECK(row.at("block") == json{found.block_height, found.block_width});
    CHECK((row.at("alpha").is_null() ? -1 : row["alpha"].get<int>()) == found.alpha);
    CHECK(row.at("shift") == found.shift);
    REQUIRE(row.at("planes").size() == static_cast<std::size_t>(found.plane_count));
    for (std::size_t i = 0; i < row["planes"].size(); ++i) {
      const auto& [size, across, down] = found.planes[i];
      CHECK(row["planes"][i] == json{size, across, down});
    }
    for (std::size_t i = 0; i < row.at("channels").size(); ++i) {
      const auto& [plane, offset, step] = found.channels[i];
      CHECK(row["channels"][i] == json{plane, offset, step});
    }
    ++count;
  }
  CHECK_THROWS_AS(facts(static_cast<Layout>(count)), UsageError);
}

TEST_CASE("frames are converted as the vectors are") {
  const json data = read("vectors.json");
  for (const json& row : data.at("converted")) {
    const auto name = row.at("name").get<std::string>();
    CAPTURE(name);
    const FrameFormat format = format_of(row.at("frame"));
    REQUIRE(format.size() == row.at("size").get<std::size_t>());
    REQUIRE(format.full_size() == row.at("full_size").get<std::size_t>());
    const FrameFormat straight{Layout::rgb, format.width, format.height};
    Bytes input = bytes(row.at("data"));
    input.resize(format.size());  // so that the sanitizer sees a step too far
    Bytes rgb(straight.size());
    convert({format, input.data(), input.size()}, {straight, rgb.data(), rgb.size()});
    CHECK(rgb == bytes(row.at("rgb")));
    const Bytes from = bytes(row.at("from_rgb"));
    Bytes made(format.full_size());
    convert({straight, from.data(), from.size()}, {format, made.data(), made.size()});
    CHECK(made == bytes(row.at("made")));
  }
}

TEST_CASE("a matrix is chosen as the vectors say") {
  const json data = read("matrices.json");
  const char* const names[] = {"bt601", "bt709", "bt2020", "smpte240m"};
  for (const json& row : data.at("cases")) {
    CAPTURE(row);
    const auto chosen = [&] {
      return matrix_of(row.at("coefficients"), row.at("primaries"), row.at("rows"));
    };
    if (row.at("matrix").is_null()) {
      CHECK_CONTAINS(support::message<UsageError>(chosen), "none of BT.601, BT.709, BT.2020 and SMPTE 240M");
    } else {
      CHECK(row["matrix"] == names[static_cast<int>(chosen())]);
    }
  }
}

TEST_CASE("what the vectors refuse is refused") {
  const json data = read("vectors.json");
  for (const json& row : data.at("refused")) {
    const auto error = row.at("error").get<std::string>();
    Bytes input(row.at("bytes").get<std::size_t>()), rgb(999);
    const auto work = [&] {
      const FrameFormat format = format_of(row.at("frame"));
      const FrameFormat straight{Layout::rgb, format.width, format.height};
      convert({format, input.data(), input.size()}, {straight, rgb.data(), rgb.size()});
    };
    CHECK_CONTAINS(support::message<UsageError>(work), error);
  }
}
