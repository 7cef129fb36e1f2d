// A stand-in for rclcpp_lifecycle; see README.md.
#pragma once

#include <rclcpp/rclcpp.hpp>

namespace rclcpp_lifecycle {

class State {};

namespace node_interfaces {
class LifecycleNodeInterface {
 public:
  enum class CallbackReturn : std::uint8_t { SUCCESS = 97, FAILURE = 98, ERROR = 99 };
  virtual CallbackReturn on_configure(const State&) { return CallbackReturn::SUCCESS; }
  virtual CallbackReturn on_activate(const State&) { return CallbackReturn::SUCCESS; }
  virtual CallbackReturn on_deactivate(const State&) { return CallbackReturn::SUCCESS; }
  virtual CallbackReturn on_cleanup(const State&) { return CallbackReturn::SUCCESS; }
  virtual CallbackReturn on_shutdown(const State&) { return CallbackReturn::SUCCESS; }
  virtual ~LifecycleNodeInterface() = default;
};
}  // namespace node_interfaces

/// No `rclcpp::Node`, as in ROS: what takes one does not take this.
class LifecycleNode : public node_interfaces::LifecycleNodeInterface, private rclcpp::Node {
 public:
  explicit LifecycleNode(const std::string& name, const rclcpp::NodeOptions& options = rclcpp::NodeOptions())
      : rclcpp::Node(name, "", options) {}
  using rclcpp::Node::declare_parameter;
  using rclcpp::Node::get_clock;
  using rclcpp::Node::get_logger;
  using rclcpp::Node::get_name;
  using rclcpp::Node::get_namespace;
  using rclcpp::Node::get_parameter;
  rclcpp::node_interfaces::NodeBaseInterface::SharedPtr get_node_base_interface() { return {}; }
};

}  // namespace rclcpp_lifecycle
