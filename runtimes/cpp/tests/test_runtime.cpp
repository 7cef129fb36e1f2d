#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "brightness_track.hpp"
#include "latent_track.hpp"
#include "support.hpp"

namespace {

using namespace restorect;
using support::Bytes;
using support::message;
using support::noise;
using support::restored;

Runtime& split() {
  static Runtime runtime(support::artifact("RESTORECT_SPLIT"), {"cpu", 1});
  return runtime;
}

Runtime& whole() {
  static Runtime runtime(support::artifact("RESTORECT_WHOLE"), {"cpu", 1});
  return runtime;
}

int difference(const Bytes& a, const Bytes& b) {
  int most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
  return most;
}

}  // namespace

TEST_CASE("options out of range are refused") {
  const std::string path = support::artifact("RESTORECT_SPLIT");
  CHECK_CONTAINS(message<BackendError>([&] { Runtime runtime(path, {"tpu", 0}); }),
                 "device 'tpu' is not available");
  CHECK_CONTAINS(message<UsageError>([&] { Runtime runtime(path, {"cpu", -1}); }),
                 "threads is at least 1, got -1");
}

TEST_CASE("a runtime says what it is") {
  CHECK_CONTAINS(split().provider(), "CPU");
  CHECK(split().info().form == "split");
  CHECK(split().info().tileable);
  CHECK(split().info().scale == 1);
  CHECK(whole().info().form == "whole");
}

TEST_CASE("every size is restored, one pixel too, and the stages add up") {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {61, 45}, {96, 64}}) {
    const Bytes result =
        restored(split(), noise(static_cast<std::size_t>(3 * width * height)), width, height);
    CHECK(result != Bytes(result.size(), 0));
  }
  const Timings t = split().timings();
  CHECK(t.prior > 0);
  CHECK(t.model > 0);
  CHECK(t.prepare + t.prior + t.model + t.finish <= t.total);
}

TEST_CASE("threads that share a runtime get what each would get alone") {
  constexpr int kThreads = 4, kCalls = 6;
  const std::vector<std::pair<int, int>> sizes = {{96, 64}, {61, 45}, {7, 3}};
  std::vector<Bytes> pictures, alone;
  for (const auto& [width, height] : sizes) {
    pictures.push_back(noise(static_cast<std::size_t>(3 * width * height), static_cast<unsigned>(width)));
    alone.push_back(restored(split(), pictures.back(), width, height));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int first = 0; first < kThreads; ++first) {
    threads.emplace_back([&, first] {
      for (int call = first; call < first + kCalls; ++call) {
        const auto which = static_cast<std::size_t>(call) % sizes.size();
        const auto [width, height] = sizes[which];
        if (restored(split(), pictures[which], width, height) != alone[which]) ++wrong;
        if (split().timings().model <= 0 || split().provider().empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a stream that two threads share refuses one of them, and restores every frame of the other") {
  const Bytes rgb = noise(3 * 96 * 64);
  const Bytes alone = restored(split(), rgb, 96, 64);
  VideoRestorer stream(split(), {});
  std::atomic<int> given{0}, refused{0}, wrong{0};
  const auto work = [&] {
    while (refused == 0 || given == 0) {
      try {
        if (restored(stream, rgb, 96, 64) != alone) ++wrong;
        ++given;
      } catch (const UsageError& error) {
        refused += std::string(error.what()).find("in use by another thread") != std::string::npos;
      }
      if (stream.priors() < 0 || stream.cuts() > 0) ++wrong;
    }
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(wrong == 0);
}

TEST_CASE("tiles give what the whole gives") {
  const Bytes rgb = noise(3 * 232 * 200);
  CHECK(difference(restored(split(), rgb, 232, 200, 32), restored(split(), rgb, 232, 200)) <= 1);
}

TEST_CASE("every layout gives the picture of RGB, with padding between rows that is not read") {
  const FrameFormat straight{Layout::rgb, 62, 46};
  for (const Layout layout : {Layout::bgr, Layout::bgra, Layout::nv12, Layout::yuyv}) {
    FrameFormat format{layout, 62, 46};
    format.stride = format.row_bytes() + 13;
    const Bytes data = noise(format.size());
    const Frame frame{format, data.data(), data.size()};
    Bytes rgb(straight.size()), result(straight.size());
    convert(frame, {straight, rgb.data(), rgb.size()});
    split()(frame, {straight, result.data(), result.size()});
    CHECK(result == restored(split(), rgb, 62, 46));
    Bytes back(format.size());
    split()(frame, {format, back.data(), back.size()});
    convert({format, back.data(), back.size()}, {straight, rgb.data(), rgb.size()});
    if (layout == Layout::bgr || layout == Layout::bgra) CHECK(rgb == result);
  }
}

TEST_CASE("frames, buffers and tiles that do not fit are refused, and the runtime goes on") {
  const FrameFormat format{Layout::rgb, 96, 64};
  const Bytes data = noise(format.size());
  Bytes result(format.size());
  const FrameBuffer to{format, result.data(), result.size()};
  CHECK_CONTAINS(message<UsageError>([&] { split()({format, data.data(), 100}, to); }), "cut off");
  CHECK_CONTAINS(message<UsageError>([&] { split()({{Layout::rgb, 0, 0}, data.data(), 0}, to); }), "empty");
  CHECK_CONTAINS(message<UsageError>([&] { split()({{Layout::nv12, 95, 64}, data.data(), 99999}, to); }),
                 "even width");
  CHECK_CONTAINS(message<UsageError>([&] { split()({format, data.data(), data.size()}, to, -1); }),
                 "at least 1 pixel");
  const FrameBuffer small{{Layout::rgb, 48, 64}, result.data(), result.size()};
  CHECK_CONTAINS(message<UsageError>([&] { split()({format, data.data(), data.size()}, small); }), "96×64");
  split()({format, data.data(), data.size()}, to);
  CHECK(result == restored(split(), data, 96, 64));
}

TEST_CASE("fixed sides take smaller images and refuse larger ones and tiles") {
  CHECK(restored(whole(), noise(3 * 40 * 30), 40, 30).size() == 3 * 40 * 30);
  CHECK_CONTAINS(message<IncompatibleError>([] { restored(whole(), noise(3 * 104 * 64), 104, 64); }),
                 "a 104×64 image does not fit: this artifact takes up to 64x96");
  CHECK_CONTAINS(message<UsageError>([] { restored(whole(), noise(3 * 96 * 64), 96, 64, 32); }),
                 "fixed at 64x96, so a tile of 32");
}

TEST_CASE("a stream runs the prior every few frames, smooths, and sees a cut") {
  VideoRestorer stream(split(), {4, 0.5, 0});
  const Bytes dark(3 * 48 * 40, 20), bright(3 * 48 * 40, 200);
  const Bytes alone = restored(split(), bright, 48, 40);
  const Bytes first = restored(stream, dark, 48, 40);
  CHECK(first == restored(split(), dark, 48, 40));
  for (int i = 1; i < 4; ++i) restored(stream, dark, 48, 40);
  CHECK(stream.priors() == 1);
  CHECK(restored(stream, bright, 48, 40) == alone);
  CHECK(stream.priors() == 2);
  CHECK(stream.cuts() == 1);
  restored(stream, noise(3 * 16 * 16), 16, 16);  // another size is another scene
  CHECK(stream.priors() == 3);
}

TEST_CASE("a stream outlives its runtime") {
  auto runtime = std::make_unique<Runtime>(support::artifact("RESTORECT_SPLIT"), Options{"cpu", 1});
  VideoRestorer stream(*runtime, {});
  runtime.reset();
  CHECK(restored(stream, noise(3 * 16 * 16), 16, 16) == restored(split(), noise(3 * 16 * 16), 16, 16));
}

TEST_CASE("streams out of range, or without a prior, are refused") {
  CHECK_CONTAINS(message<UsageError>([] { VideoRestorer(split(), {0, 0, 0}); }),
                 "prior_every is at least 1 frame, got 0");
  CHECK_CONTAINS(message<UsageError>([] { VideoRestorer(split(), {1, 1.0, 0}); }),
                 "from 0 to below 1, got 1");
  CHECK_CONTAINS(message<UsageError>([] { VideoRestorer(split(), {1, std::nan(""), 0}); }), "got nan");
  CHECK_CONTAINS(message<UsageError>([] { VideoRestorer(whole(), {8, 0, 0}); }),
                 "export it with --form split");
}

TEST_CASE("the latent goes towards its target by the share that is not kept") {
  LatentTrack track(1, 0.75);
  float target = 1;
  const auto grey = [] { return Thumbnail{{0.5F, 0.5F, 0.5F}, 1}; };
  const auto prior = [&](const Thumbnail&) { return std::vector<float>{target}; };
  CHECK(track.step(grey, prior)[0] == 1.0F);
  target = 5;
  CHECK(track.step(grey, prior)[0] == 2.0F);
  CHECK(track.step(grey, prior)[0] == 2.75F);
  CHECK(track.cuts() == 0);
  CHECK(changed({{0.0F, 0.1F, 0.2F}, 1}, {{0.2F, 0.3F, 0.4F}, 1}) == doctest::Approx(1.0));
}

TEST_CASE("a scene that stands still keeps its brightness, a camera that moves is left alone") {
  constexpr std::int64_t kHeight = 40, kWidth = 56;
  std::vector<float> picture(3 * kHeight * kWidth);
  const Bytes levels = noise(picture.size());
  const auto gain = [&](BrightnessTrack& track, float share, std::size_t shift) {
    std::vector<float> shown(picture.size());
    for (std::size_t i = 0; i < shown.size(); ++i) {
      shown[i] = share * (0.1F + static_cast<float>(levels[(i + shift) % shown.size()]) / 300);
    }
    return track.step({shown.data(), kHeight * kWidth, kWidth, {kHeight, kWidth}});
  };
  BrightnessTrack still(0.75);
  for (const float share : {1.0F, 1.1F, 0.9F}) CHECK(gain(still, share, 0) == 1.0);
  // expected: 0.75 (0.75 (0.75 + 0.25·1.1) + 0.25·0.9) + 0.25·1.0
  const double expected = 0.75 * (0.75 * (0.75 * 1 + 0.25 * 1.1) + 0.25 * 0.9) + 0.25 * 1.0;
  gain(still, 1.0F, 0);
  CHECK(gain(still, 1.1F, 0) == doctest::Approx(expected / 1.1).epsilon(1e-5));
  BrightnessTrack moving(0.75), off(0);
  for (std::size_t at = 0; at < 8; ++at) CHECK(gain(moving, 1.0F, 331 * at) == 1.0);
  for (const float share : {1.0F, 1.1F, 0.9F, 1.1F, 0.9F}) CHECK(gain(off, share, 0) == 1.0);
}

TEST_CASE("a video moves to a copy of its size, and the picture stays") {
  Runtime runtime(support::artifact("RESTORECT_SPLIT"));
  const Bytes rgb = support::noise(96 * 64 * 3);
  const Bytes alone = support::restored(runtime, rgb, 96, 64);
  for (const bool fixed_copy : {true, false}) {
    VideoRestorer stream(runtime, {1, 0, 0, fixed_copy});
    for (int frame = 0; frame < 200; ++frame) {  // long enough for the copy to be there at the end
      const Bytes restored = support::restored(stream, rgb, 96, 64);
      int most = 0;
      for (std::size_t i = 0; i < rgb.size(); ++i)
        most = std::max(most, std::abs(int{restored[i]} - int{alone[i]}));
      REQUIRE(most <= 1);
    }
  }
}
