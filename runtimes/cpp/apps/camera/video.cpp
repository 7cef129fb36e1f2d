#include "video.hpp"

#include <algorithm>
#include <restorect/error.hpp>
#include <string>

namespace camera {
namespace {

constexpr int kHd = 720;

restorect::Layout layout_of(const GstVideoInfo& info) {
  switch (GST_VIDEO_INFO_FORMAT(&info)) {
    case GST_VIDEO_FORMAT_NV12:
      return restorect::Layout::nv12;
    case GST_VIDEO_FORMAT_YUY2:
      return restorect::Layout::yuyv;
    case GST_VIDEO_FORMAT_BGRA:
    case GST_VIDEO_FORMAT_BGRx:
      return restorect::Layout::bgra;
    case GST_VIDEO_FORMAT_BGR:
      return restorect::Layout::bgr;
    case GST_VIDEO_FORMAT_RGB:
      return restorect::Layout::rgb;
    default:
      throw restorect::UsageError(std::string("frames of the format ") + GST_VIDEO_INFO_NAME(&info) +
                                  " are not taken; possible: NV12, YUY2, BGRA, BGRx, BGR, RGB");
  }
}

restorect::Matrix matrix_of(const GstVideoInfo& info) {
  switch (info.colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
      return restorect::Matrix::bt709;
    case GST_VIDEO_COLOR_MATRIX_BT601:
      return restorect::Matrix::bt601;
    case GST_VIDEO_COLOR_MATRIX_UNKNOWN:
    case GST_VIDEO_COLOR_MATRIX_RGB:
      return GST_VIDEO_INFO_HEIGHT(&info) >= kHd ? restorect::Matrix::bt709 : restorect::Matrix::bt601;
    default:
      throw restorect::UsageError(
          "the frames' colour matrix is neither BT.601 nor BT.709; end the source with "
          "! videoconvert ! video/x-raw,colorimetry=bt709");
  }
}

}  // namespace

const char* const kCaps = "video/x-raw,format={NV12,YUY2,BGRA,BGRx,RGB,BGR}";

restorect::FrameFormat format_of(const GstVideoInfo& info) {
  restorect::FrameFormat format{layout_of(info), GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info),
                                static_cast<std::size_t>(GST_VIDEO_INFO_PLANE_STRIDE(&info, 0))};
  format.matrix = matrix_of(info);
  format.range = info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? restorect::Range::full
                                                                       : restorect::Range::limited;
  format.check();
  return format;
}

MappedFrame::MappedFrame(const GstVideoInfo& info, GstBuffer* buffer) {
  if (!gst_video_frame_map(&mapped_, &info, buffer, GST_MAP_READ))
    throw restorect::BackendError("the source gave a frame whose memory cannot be read, or is cut off");
  frame_.format = format_of(info);
  frame_.format.stride = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped_, 0));
  frame_.data = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped_, 0));
  frame_.size = frame_.format.size();
  if (GST_VIDEO_FRAME_N_PLANES(&mapped_) > 1) join_planes();
}

void MappedFrame::join_planes() {
  const auto* chroma = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped_, 1));
  const auto chroma_stride = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped_, 1));
  const std::size_t stride = frame_.format.stride, row = frame_.format.row_bytes();
  const auto height = static_cast<std::size_t>(frame_.format.height);
  if (chroma_stride == stride && chroma == frame_.data + stride * height) return;
  copy_.resize(row * frame_.format.rows());
  for (std::size_t y = 0; y < height; ++y) std::copy_n(frame_.data + y * stride, row, copy_.data() + y * row);
  for (std::size_t y = 0; y < height / 2; ++y)
    std::copy_n(chroma + y * chroma_stride, row, copy_.data() + (height + y) * row);
  frame_.format.stride = 0;
  frame_.data = copy_.data();
  frame_.size = copy_.size();
}

}  // namespace camera
