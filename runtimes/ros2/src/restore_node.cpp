#include "restorect_ros/restore_node.hpp"

#include <restorect/error.hpp>

#include "restorect_ros/encodings.hpp"

namespace restorect_ros {
namespace {

using sensor_msgs::msg::Image;

/// Milliseconds between two messages about frames that cannot be restored.
constexpr int kQuiet = 5000;

/// Options of the second node: a name given on the command line is the first's, and two cannot have it.
rclcpp::NodeOptions named(const std::string& name) {
  return rclcpp::NodeOptions().arguments({"--ros-args", "-r", "__node:=" + name, "--"});
}

}  // namespace

RestoreNode::RestoreNode(const rclcpp::NodeOptions& options)
    : LifecycleNode("restorect", options),
      images_(std::make_shared<rclcpp::Node>(std::string(get_name()) + "_images", get_namespace(),
                                             named(std::string(get_name()) + "_images"))) {
  declare_parameter("artifact", std::string());
  declare_parameter("device", std::string("auto"));
  declare_parameter("threads", 0);
  declare_parameter("prior_every", 1);
  declare_parameter("smooth", 0.0);
  declare_parameter("tile", 0);
  declare_parameter("fixed_copy", true);
  declare_parameter("matrix", std::string("bt601"));
  declare_parameter("range", std::string("limited"));
  declare_parameter("transport", std::string("raw"));
  declare_parameter("reliable", false);
  declare_parameter("depth", 1);
}

RestoreNode::CallbackReturn RestoreNode::on_configure(const rclcpp_lifecycle::State&) {
  try {
    configure();
    return CallbackReturn::SUCCESS;
  } catch (const std::exception& error) {
    RCLCPP_ERROR(get_logger(), "%s", error.what());
    return CallbackReturn::FAILURE;
  }
}

void RestoreNode::configure() {
  const std::string artifact = get_parameter("artifact").as_string();
  if (artifact.empty()) {
    throw restorect::UsageError("no artifact; set the parameter to a folder made by restorect_edge.export");
  }
  color_.matrix = matrix_named(get_parameter("matrix").as_string());
  color_.range = range_named(get_parameter("range").as_string());
  video_ = {static_cast<int>(get_parameter("prior_every").as_int()), get_parameter("smooth").as_double(),
            static_cast<int>(get_parameter("tile").as_int()), get_parameter("fixed_copy").as_bool()};
  qos();
  runtime_ = std::make_unique<restorect::Runtime>(
      artifact, restorect::Options{get_parameter("device").as_string(),
                                   static_cast<int>(get_parameter("threads").as_int())});
  restorect::VideoRestorer(*runtime_, video_);  // refuses numbers that do not fit the artifact
  RCLCPP_INFO(get_logger(), "%s by %s", runtime_->info().name.c_str(), runtime_->provider().c_str());
  if (!runtime_->warning().empty()) RCLCPP_WARN(get_logger(), "%s", runtime_->warning().c_str());
}

rmw_qos_profile_t RestoreNode::qos() {
  const auto depth = get_parameter("depth").as_int();
  if (depth < 1) {
    throw restorect::UsageError("depth is at least 1 frame, got " + std::to_string(depth));
  }
  // one frame by default: where the network is slower than the camera, the oldest are dropped
  rmw_qos_profile_t profile = rmw_qos_profile_sensor_data;
  if (get_parameter("reliable").as_bool()) profile = rmw_qos_profile_default;
  profile.depth = static_cast<std::size_t>(depth);
  return profile;
}

RestoreNode::CallbackReturn RestoreNode::on_activate(const rclcpp_lifecycle::State& before) {
  LifecycleNode::on_activate(before);
  stream_ = std::make_unique<restorect::VideoRestorer>(*runtime_, video_);  // another scene
  publisher_ = image_transport::create_publisher(images_.get(), "image_restored", qos());
  subscriber_ = image_transport::create_subscription(
      images_.get(), "image", [this](const Image::ConstSharedPtr& image) { restore(*image); },
      get_parameter("transport").as_string(), qos());
  return CallbackReturn::SUCCESS;
}

RestoreNode::CallbackReturn RestoreNode::on_deactivate(const rclcpp_lifecycle::State& before) {
  LifecycleNode::on_deactivate(before);
  stop();
  return CallbackReturn::SUCCESS;
}

RestoreNode::CallbackReturn RestoreNode::on_cleanup(const rclcpp_lifecycle::State&) {
  runtime_.reset();
  return CallbackReturn::SUCCESS;
}

RestoreNode::CallbackReturn RestoreNode::on_shutdown(const rclcpp_lifecycle::State&) {
  stop();
  runtime_.reset();
  return CallbackReturn::SUCCESS;
}

void RestoreNode::stop() {
  subscriber_.shutdown();
  publisher_.shutdown();
  stream_.reset();
}

restorect::Frame RestoreNode::frame_of(const Image& image) const {
  const auto layout = layout_of(image.encoding);
  if (!layout) {
    std::string known;
    for (const std::string& name : encodings()) known += (known.empty() ? "" : ", ") + name;
    throw restorect::UsageError("images of encoding '" + image.encoding +
                                "' are not taken; the camera gives one of " + known);
  }
  restorect::FrameFormat format = color_;
  format.layout = *layout;
  format.width = static_cast<int>(image.width);
  format.height = static_cast<int>(image.height);
  format.stride = image.step;
  return {format, image.data.data(), image.data.size()};
}

void RestoreNode::restore(const Image& image) {
  if (!stream_) return;  // a frame that was under way when the node was deactivated
  try {
    const restorect::Frame frame = frame_of(image);
    restorect::FrameFormat format = frame.format;
    format.width *= runtime_->info().scale;
    format.height *= runtime_->info().scale;
    format.stride = 0;
    Image made;
    made.header = image.header;
    made.encoding = image.encoding;
    made.is_bigendian = image.is_bigendian;
    made.width = static_cast<std::uint32_t>(format.width);
    made.height = static_cast<std::uint32_t>(format.height);
    made.step = static_cast<std::uint32_t>(format.row_bytes());
    made.data.resize(format.full_size());
    (*stream_)(frame, {format, made.data.data(), made.data.size()});
    publisher_.publish(made);
  } catch (const restorect::Error& error) {
    RCLCPP_ERROR_THROTTLE(get_logger(), *get_clock(), kQuiet, "%s", error.what());
  }
}

}  // namespace restorect_ros
