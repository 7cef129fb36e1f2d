// A stand-in for sensor_msgs; see README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sensor_msgs::msg {

struct Header {
  struct Stamp {
    std::int32_t sec = 0;
    std::uint32_t nanosec = 0;
  } stamp;
  std::string frame_id;
};

struct Image {
  using ConstSharedPtr = std::shared_ptr<const Image>;
  Header header;
  std::uint32_t height = 0, width = 0;
  std::string encoding;
  std::uint8_t is_bigendian = 0;
  std::uint32_t step = 0;
  std::vector<std::uint8_t> data;
};

}  // namespace sensor_msgs::msg
