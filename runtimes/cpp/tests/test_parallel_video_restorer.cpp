#include <algorithm>
#include <deque>

#include "support.hpp"

namespace {

using namespace restorect;
using support::Bytes;
using support::message;
using support::noise;

constexpr int kWidth = 40, kHeight = 32;

FrameFormat format(int width = kWidth, int height = kHeight) { return {Layout::rgb, width, height}; }

/// Thirty frames: a dark scene whose brightness swings, another after a cut, and a few of another size.
std::vector<std::pair<FrameFormat, Bytes>> video() {
  std::vector<std::pair<FrameFormat, Bytes>> frames;
  for (unsigned i = 0; i < 30; ++i) {
    const FrameFormat size = i >= 20 && i < 24 ? format(24, 16) : format();
    Bytes frame = noise(size.size(), i < 12 ? 1 : 7);
    for (std::uint8_t& level : frame) level = static_cast<std::uint8_t>(level / (i < 12 ? 3 + i % 2 : 1));
    frames.emplace_back(size, std::move(frame));
  }
  return frames;
}

struct Restored {
  std::vector<Bytes> frames;
  int priors, cuts;
};

Restored one_by_one(const VideoOptions& options) {
  const Runtime runtime(support::artifact("RESTORECT_SPLIT"), {"cpu", 1});
  VideoRestorer stream(runtime, options);
  Restored found{};
  for (const auto& [size, frame] : video()) {
    Bytes result(size.size());
    stream({size, frame.data(), frame.size()}, {size, result.data(), result.size()});
    found.frames.push_back(std::move(result));
  }
  found.priors = stream.priors();
  found.cuts = stream.cuts();
  return found;
}

Restored side_by_side(const VideoOptions& options, int lanes) {
  const auto frames = video();
  Restored found{std::vector<Bytes>(frames.size()), 0, 0};
  ParallelVideoRestorer stream(support::artifact("RESTORECT_SPLIT"), {"cpu", lanes}, options, lanes);
  std::vector<std::future<void>> done;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& [size, frame] = frames[i];
    found.frames[i].resize(size.size());
    done.push_back(
        stream({size, frame.data(), frame.size()}, {size, found.frames[i].data(), found.frames[i].size()}));
  }
  for (auto& each : done) each.get();
  found.priors = stream.priors();
  found.cuts = stream.cuts();
  return found;
}

}  // namespace

TEST_CASE("frames side by side equal those one after the other, bit for bit") {
  for (const VideoOptions& options :
       {VideoOptions{1, 0, 0, false}, VideoOptions{3, 0.7, 0, false}, VideoOptions{1, 0.9, 8, false}}) {
    const Restored expected = one_by_one(options);
    REQUIRE(expected.cuts > 0);
    for (const int lanes : {1, 2, 3}) {
      const Restored found = side_by_side(options, lanes);
      CHECK(found.frames == expected.frames);
      CHECK(found.priors == expected.priors);
      CHECK(found.cuts == expected.cuts);
    }
  }
}

TEST_CASE("a frame that fails says so in its future, and the others are restored") {
  ParallelVideoRestorer stream(support::artifact("RESTORECT_SPLIT"), {"cpu", 2}, {1, 0.5, 0, false});
  const Bytes frame = noise(format().size());
  Bytes first(frame.size()), last(frame.size());
  auto good = stream({format(), frame.data(), frame.size()}, {format(), first.data(), first.size()});
  auto bad = stream({format(), frame.data(), 5}, {format(), last.data(), last.size()});
  auto next = stream({format(), frame.data(), frame.size()}, {format(), last.data(), last.size()});
  good.get();
  CHECK_CONTAINS(message<UsageError>([&] { bad.get(); }), "5");
  next.get();
  CHECK(first == last);
}

TEST_CASE("a parallel stream ends what it took, and refuses lanes out of range") {
  const Bytes frame = noise(format().size());
  Bytes result(frame.size());
  std::future<void> done;
  {
    ParallelVideoRestorer stream(support::artifact("RESTORECT_SPLIT"), {"cpu", 2}, {});
    CHECK(stream.lanes() == 2);
    CHECK(stream.info().form == "split");
    done = stream({format(), frame.data(), frame.size()}, {format(), result.data(), result.size()});
  }
  done.get();
  CHECK(result != Bytes(result.size(), 0));
  const auto open = [](int lanes) {
    ParallelVideoRestorer(support::artifact("RESTORECT_SPLIT"), {"cpu", 1}, {}, lanes);
  };
  CHECK_CONTAINS(message<UsageError>([&] { open(0); }), "lanes is at least 1, got 0");
}
