#include "video.hpp"

#include <algorithm>
#include <array>
#include <restorect/error.hpp>
#include <string>

namespace camera {
namespace {

using restorect::Layout;

struct Known {
  GstVideoFormat format;
  Layout layout;
};
constexpr Known kKnown[] = {
    {GST_VIDEO_FORMAT_NV12, Layout::nv12},         {GST_VIDEO_FORMAT_NV21, Layout::nv21},
    {GST_VIDEO_FORMAT_I420, Layout::i420},         {GST_VIDEO_FORMAT_YV12, Layout::yv12},
    {GST_VIDEO_FORMAT_YUY2, Layout::yuyv},         {GST_VIDEO_FORMAT_UYVY, Layout::uyvy},
    {GST_VIDEO_FORMAT_YVYU, Layout::yvyu},         {GST_VIDEO_FORMAT_VYUY, Layout::vyuy},
    {GST_VIDEO_FORMAT_NV16, Layout::nv16},         {GST_VIDEO_FORMAT_NV61, Layout::nv61},
    {GST_VIDEO_FORMAT_NV24, Layout::nv24},         {GST_VIDEO_FORMAT_Y42B, Layout::i422},
    {GST_VIDEO_FORMAT_Y444, Layout::i444},         {GST_VIDEO_FORMAT_P010_10LE, Layout::p010},
    {GST_VIDEO_FORMAT_I420_10LE, Layout::i420p10}, {GST_VIDEO_FORMAT_RGB, Layout::rgb},
    {GST_VIDEO_FORMAT_BGR, Layout::bgr},           {GST_VIDEO_FORMAT_RGBA, Layout::rgba},
    {GST_VIDEO_FORMAT_BGRA, Layout::bgra},         {GST_VIDEO_FORMAT_ARGB, Layout::argb},
    {GST_VIDEO_FORMAT_ABGR, Layout::abgr},         {GST_VIDEO_FORMAT_RGBx, Layout::rgbx},
    {GST_VIDEO_FORMAT_BGRx, Layout::bgrx},         {GST_VIDEO_FORMAT_xRGB, Layout::xrgb},
    {GST_VIDEO_FORMAT_xBGR, Layout::xbgr},         {GST_VIDEO_FORMAT_GRAY8, Layout::gray8},
};

Layout layout_of(const GstVideoInfo& info) {
  for (const Known& known : kKnown) {
    if (known.format == GST_VIDEO_INFO_FORMAT(&info)) return known.layout;
  }
  throw restorect::UsageError(std::string("frames of the format ") + GST_VIDEO_INFO_NAME(&info) +
                              " are not taken; possible: " + kFormats);
}

}  // namespace

const char* const kFormats =
    "NV12, NV21, I420, YV12, YUY2, UYVY, YVYU, VYUY, NV16, NV61, NV24, Y42B, Y444, P010_10LE, I420_10LE, "
    "RGB, "
    "BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, GRAY8";

restorect::FrameFormat format_of(const GstVideoInfo& info) {
  restorect::FrameFormat format{layout_of(info), GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info)};
  format.matrix =
      restorect::matrix_of(static_cast<int>(gst_video_color_matrix_to_iso(info.colorimetry.matrix)),
                           static_cast<int>(gst_video_color_primaries_to_iso(info.colorimetry.primaries)),
                           GST_VIDEO_INFO_HEIGHT(&info));
  format.range = info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? restorect::Range::full
                                                                       : restorect::Range::limited;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i) {
    format.planes.push_back({GST_VIDEO_INFO_PLANE_OFFSET(&info, i),
                             static_cast<std::size_t>(GST_VIDEO_INFO_PLANE_STRIDE(&info, i))});
  }
  format.check();
  return format;
}

Planes::Planes(GstVideoFrame& mapped, bool written)
    : mapped_(mapped), written_(written), format_(format_of(mapped.info)) {
  const auto count = format_.planes.size();
  if (count > 1 && gst_buffer_n_memory(mapped_.buffer) > 1) {
    join();
    return;
  }
  std::array<std::uint8_t*, 3> first{};
  for (std::size_t i = 0; i < count; ++i)
    first[i] = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped_, i));
  data_ = *std::min_element(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    format_.planes[i] = {static_cast<std::size_t>(first[i] - data_),
                         static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped_, i))};
  }
  size_ = format_.size();
}

Planes::~Planes() {
  if (written_ && !copy_.empty()) copy(/*back=*/true);
}

void Planes::join() {
  const auto count = static_cast<std::ptrdiff_t>(format_.planes.size());
  format_.planes.clear();
  const auto places = format_.places();
  copy_.resize(format_.full_size());
  format_.planes.assign(places.begin(), places.begin() + count);
  data_ = copy_.data();
  size_ = copy_.size();
  copy(/*back=*/false);
}

void Planes::copy(bool back) {
  for (std::size_t i = 0; i < format_.planes.size(); ++i) {
    auto* theirs = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped_, i));
    const auto stride = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped_, i));
    const auto& [offset, row] = format_.planes[i];
    // the i-th plane has the rows of the i-th component, in all of these layouts
    const auto rows = static_cast<std::size_t>(GST_VIDEO_FRAME_COMP_HEIGHT(&mapped_, i));
    for (std::size_t y = 0; y < rows; ++y) {
      std::uint8_t* ours = copy_.data() + offset + y * row;
      back ? std::copy_n(ours, row, theirs + y * stride) : std::copy_n(theirs + y * stride, row, ours);
    }
  }
}

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer) {
  format_of(info);  // throws before anything is mapped
  if (!gst_video_frame_map(&mapped_, &info, buffer, GST_MAP_READ))
    throw restorect::BackendError("the source gave a frame whose memory cannot be read, or is cut off");
  planes_.emplace(mapped_);
}

}  // namespace camera
