// The vectors of the rules that every runtime computes itself: spec/vectors/README.md.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "brightness_track.hpp"
#include "latent_track.hpp"
#include "support.hpp"
#include "thumbnail.hpp"
#include "tiling.hpp"

namespace {

using namespace restorect;
using nlohmann::json;
using support::Bytes;

const std::filesystem::path kFolder = RESTORECT_VECTORS;

json vectors(const std::string& name) {
  std::ifstream stream(kFolder / (name + ".json"));
  return json::parse(stream);
}

/// A picture of levels, by the rule of the vectors.
Bytes picture(const json& of) {
  const auto height = of.at("height").get<int>(), width = of.at("width").get<int>();
  auto state = of.at("seed").get<std::uint32_t>();
  Bytes bytes;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int ramp = of["ramp"][0].get<int>() * y / height + of["ramp"][1].get<int>() * x / width;
      for (int channel = 0; channel < 3; ++channel) {
        const int low = of["low"][channel].get<int>(), high = of["high"][channel].get<int>();
        state = state * 1664525U + 1013904223U;
        const int noise = static_cast<int>(state >> 24) * (high - low + 1) >> 8;
        bytes.push_back(static_cast<std::uint8_t>(std::min(255, low + noise + ramp)));
      }
    }
  }
  return bytes;
}

Size size_of(const json& of) {
  return {of.at("height").get<std::int64_t>(), of.at("width").get<std::int64_t>()};
}

/// Restored planes of a frame of a brightness vector.
std::vector<float> planes(const json& frame) {
  const Size size = size_of(frame.at("picture"));
  const Bytes levels = picture(frame["picture"]);
  std::vector<float> values(levels.size());
  const json& moved = frame.at("moved");
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width; ++x) {
      const bool moves = !moved.is_null() && y >= moved[0].get<int>() && y < moved[1].get<int>() &&
                         x >= moved[2].get<int>() && x < moved[3].get<int>();
      const double light = frame.at("light").get<double>() * (moves ? moved[4].get<double>() : 1);
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const auto level = levels[static_cast<std::size_t>((y * size.width + x) * 3 + channel)];
        values[static_cast<std::size_t>((channel * size.height + y) * size.width + x)] =
            static_cast<float>(level / 255.0 * light);
      }
    }
  }
  return values;
}

double furthest(const std::vector<float>& found, const float* expected) {
  double most = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    most = std::max(most, std::abs(double{found[i]} - expected[i]));
  return most;
}

}  // namespace

TEST_CASE("thumbnails are those of the vectors, with deviations and without") {
  const json data = vectors("thumbnail");
  std::ifstream stream(kFolder / "thumbnail.bin", std::ios::binary);
  const std::string raw((std::istreambuf_iterator<char>(stream)), {});
  std::vector<float> expected(raw.size() / sizeof(float));
  std::memcpy(expected.data(), raw.data(), raw.size());
  for (const json& row : data.at("cases")) {
    const auto name = row.at("name").get<std::string>();
    CAPTURE(name);
    const Bytes bytes = picture(row.at("picture"));
    REQUIRE(std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0}) ==
            row.at("sum").get<std::int64_t>());
    const Size size = size_of(row["picture"]);
    const Pixels image{bytes.data(), static_cast<std::size_t>(3 * size.width), size};
    for (const bool deviation : {false, true}) {
      const PriorSpec prior{row.at("side").get<int>(), row.at("pool").get<int>(), deviation};
      const Size padded{row.at("padded")[0].get<std::int64_t>(), row["padded"][1].get<std::int64_t>()};
      const auto found = thumbnail(image, padded, prior);
      CHECK(found.channels() == (deviation ? 6 : 3));
      CHECK(furthest(found.values, expected.data() + row.at("offset").get<std::size_t>()) <=
            data.at("tolerance").get<double>());
    }
  }
}

TEST_CASE("the latent of a video is that of the vectors") {
  const json data = vectors("latent");
  for (const json& row : data.at("cases")) {
    const auto name = row.at("name").get<std::string>();
    CAPTURE(name);
    LatentTrack track(row.at("prior_every").get<int>(), row.at("smooth").get<double>());
    for (const json& frame : row.at("frames")) {
      if (frame.at("reset").get<bool>()) track.reset();
      const auto z =
          track.step([&] { return Thumbnail{frame.at("levels").get<std::vector<float>>(), 1}; },
                     [&](const Thumbnail&) { return frame.at("prior").get<std::vector<float>>(); });
      const auto expected = frame.at("z").get<std::vector<float>>();
      REQUIRE(z.size() == expected.size());
      CHECK(furthest(z, expected.data()) <= data.at("tolerance").get<double>());
      CHECK(track.priors() == frame.at("priors").get<int>());
      CHECK(track.cuts() == frame.at("cuts").get<int>());
    }
  }
}

TEST_CASE("the windows of an image are those of the vectors") {
  const auto pair = [](const json& of) {
    return Size{of.at(0).get<std::int64_t>(), of.at(1).get<std::int64_t>()};
  };
  const auto same = [](const Span& span, const json& of) {
    return of == json{span.start, span.stop, span.keep_from, span.keep_to};
  };
  const json data = vectors("tiles");
  for (const json& row : data.at("cases")) {
    const auto name = row.at("name").get<std::string>();
    CAPTURE(name);
    const Size padded = pair(row.at("padded")), window = pair(row.at("window"));
    const auto halo = row.at("halo").get<std::int64_t>();
    if (row.at("asked").is_null()) {
      CHECK(best_window(padded, row.at("limit").get<std::int64_t>(), halo,
                        row.at("multiple").get<std::int64_t>()) == window);
    }
    const json &rows = row.at("rows"), &columns = row.at("columns");
    if (rows.is_null()) {
      CHECK_CONTAINS(support::message<UsageError>([&] { plan(padded, window, halo); }), "keeps nothing");
      continue;
    }
    const auto found = plan(padded, window, halo);
    REQUIRE(found.size() == rows.size() * columns.size());
    for (std::size_t at = 0; at < found.size(); ++at) {
      CHECK(same(found[at].rows, rows[at / columns.size()]));
      CHECK(same(found[at].columns, columns[at % columns.size()]));
    }
  }
}

TEST_CASE("the brightness of a video is that of the vectors") {
  const json data = vectors("brightness");
  for (const json& row : data.at("cases")) {
    const auto name = row.at("name").get<std::string>();
    CAPTURE(name);
    BrightnessTrack track(row.at("smooth").get<double>());
    for (const json& frame : row.at("frames")) {
      const auto values = planes(frame);
      const Size size = size_of(frame["picture"]);
      const double gain = track.step({values.data(), size.area(), size.width, size});
      CHECK(std::abs(gain - frame.at("gain").get<double>()) <= data.at("tolerance").get<double>());
    }
  }
}
