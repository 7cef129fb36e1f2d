// Drives the node from configure to shutdown: `drive ARTIFACT FRAME RESULT ENCODING WIDTH HEIGHT STEP`. The frame is
// restored three times, the last one by itself; its result is written. Prints what was published.
#include <fstream>
#include <iostream>
#include <iterator>

#include "restorect_ros/restore_node.hpp"

namespace {

using restorect_ros::RestoreNode;
using sensor_msgs::msg::Image;

void expect(bool right, const std::string& what) {
  if (right) return;
  std::cerr << what << ": " << rclcpp::last_log() << "\n";
  std::exit(2);
}

bool configures(const rclcpp::NodeOptions& options) {
  RestoreNode node(options);
  return node.on_configure({}) == RestoreNode::CallbackReturn::SUCCESS;
}

void expect_refused(const rclcpp::NodeOptions& options, const std::string& words) {
  expect(!configures(options), "taken, not refused for " + words);
  expect(rclcpp::last_log().find(words) != std::string::npos, "refused, not for " + words);
}

void refuse_wrong_parameters(const rclcpp::NodeOptions& good) {
  expect_refused({}, "no artifact");
  auto wrong = [&](const char* name, rclcpp::Value value) {
    return rclcpp::NodeOptions(good).append_parameter_override(name, std::move(value));
  };
  expect_refused(wrong("artifact", std::string("/nowhere")), "/nowhere");
  expect_refused(wrong("matrix", std::string("bt470")), "matrix is one of bt601");
  expect_refused(wrong("range", std::string("tv")), "range is one of full, limited, got 'tv'");
  expect_refused(wrong("smooth", 1.0), "smooth");
  expect_refused(wrong("depth", std::int64_t{0}), "depth is at least 1");
  expect_refused(wrong("device", std::string("tpu")), "tpu");
}

}  // namespace

int main(int, char** argv) {
  rclcpp::NodeOptions options;
  options.append_parameter_override("artifact", std::string(argv[1]))
      .append_parameter_override("threads", std::int64_t{1})
      .append_parameter_override("matrix", std::string("bt709"));
  refuse_wrong_parameters(options);

  std::ifstream file(argv[2], std::ios::binary);
  Image image;
  image.data.assign(std::istreambuf_iterator<char>(file), {});
  image.encoding = argv[4];
  image.width = static_cast<std::uint32_t>(std::atoi(argv[5]));
  image.height = static_cast<std::uint32_t>(std::atoi(argv[6]));
  image.step = static_cast<std::uint32_t>(std::atoi(argv[7]));
  image.header.frame_id = "camera";
  image.header.stamp.sec = 7;

  auto& topics = image_transport::topics();
  std::vector<Image> published;
  topics["image_restored"] = {[&](const Image::ConstSharedPtr& made) { published.push_back(*made); }, "", {}};
  const auto send = [&](const Image& sent) {
    if (topics.count("image") != 0) topics["image"].callback(std::make_shared<Image>(sent));
  };

  RestoreNode node(options);
  send(image);
  expect(published.empty(), "a node that is not configured published");
  expect(node.on_configure({}) == RestoreNode::CallbackReturn::SUCCESS, "configure");
  send(image);
  expect(published.empty(), "a node that is not active published");
  for (int turn = 0; turn < 2; ++turn) {
    expect(node.on_activate({}) == RestoreNode::CallbackReturn::SUCCESS, "activate");
    expect(topics["image"].qos.depth == 1, "one frame waits");
    expect(topics["image"].qos.reliability == RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT, "as sensors");
    send(image);
    if (turn == 0) send(image);
    expect(node.on_deactivate({}) == RestoreNode::CallbackReturn::SUCCESS, "deactivate");
    send(image);
  }
  expect(published.size() == 3, "three frames");
  expect(node.on_activate({}) == RestoreNode::CallbackReturn::SUCCESS, "activate again");
  Image strange = image;
  strange.encoding = "bayer_rggb8";
  send(strange);
  expect(rclcpp::last_log().find("encoding 'bayer_rggb8' are not taken") != std::string::npos, "a strange encoding");
  strange = image;
  strange.data.resize(10);
  send(strange);
  expect(rclcpp::last_log().find("got 10") != std::string::npos, "a frame that is cut off");
  send(image);
  expect(published.size() == 4, "a frame after those that were refused");
  expect(node.on_shutdown({}) == RestoreNode::CallbackReturn::SUCCESS, "shutdown");
  send(image);
  expect(published.size() == 4, "a node that is shut down published");

  const Image& made = published.back();
  expect(made.header.frame_id == "camera" && made.header.stamp.sec == 7, "the header");
  std::ofstream(argv[3], std::ios::binary)
      .write(reinterpret_cast<const char*>(made.data.data()), static_cast<std::streamsize>(made.data.size()));
  std::cout << made.encoding << " " << made.width << " " << made.height << " " << made.step << "\n";
}
