#include "restorect_ros/restore_node.hpp"

int main(int argc, char** argv) {
  rclcpp::init(argc, argv);
  const auto node = std::make_shared<restorect_ros::RestoreNode>();
  rclcpp::executors::SingleThreadedExecutor executor;
  executor.add_node(node->get_node_base_interface());
  executor.add_node(node->images());
  executor.spin();
  rclcpp::shutdown();
  return 0;
}
