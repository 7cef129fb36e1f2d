// A lifecycle node that restores the images of a topic with an artifact of restorect_edge.
#pragma once

#include <image_transport/image_transport.hpp>
#include <memory>
#include <rclcpp/rclcpp.hpp>
#include <rclcpp_lifecycle/lifecycle_node.hpp>
#include <restorect/restorect.hpp>
#include <sensor_msgs/msg/image.hpp>
#include <string>

namespace restorect_ros {

/// Subscribes to `image` and publishes `image_restored`, by image_transport.
///
/// Configuring reads and checks the artifact, which takes seconds; activating subscribes. Parameters are in
/// README.md; they are read when the node is configured, and a wrong one fails that.
class RestoreNode : public rclcpp_lifecycle::LifecycleNode {
 public:
  using CallbackReturn = rclcpp_lifecycle::node_interfaces::LifecycleNodeInterface::CallbackReturn;

  explicit RestoreNode(const rclcpp::NodeOptions& options = rclcpp::NodeOptions());

  /// The node that image_transport uses, which takes no lifecycle node; give both to one executor.
  rclcpp::Node::SharedPtr images() const { return images_; }

  CallbackReturn on_configure(const rclcpp_lifecycle::State& before) override;
  CallbackReturn on_activate(const rclcpp_lifecycle::State& before) override;
  CallbackReturn on_deactivate(const rclcpp_lifecycle::State& before) override;
  CallbackReturn on_cleanup(const rclcpp_lifecycle::State& before) override;
  CallbackReturn on_shutdown(const rclcpp_lifecycle::State& before) override;

 private:
  void configure();
  void stop();
  void restore(const sensor_msgs::msg::Image& image);
  restorect::Frame frame_of(const sensor_msgs::msg::Image& image) const;
  rmw_qos_profile_t qos();

  rclcpp::Node::SharedPtr images_;
  std::unique_ptr<restorect::Runtime> runtime_;
  std::unique_ptr<restorect::VideoRestorer> stream_;
  restorect::VideoOptions video_;
  restorect::FrameFormat color_;
  image_transport::Publisher publisher_;
  image_transport::Subscriber subscriber_;
};

}  // namespace restorect_ros
