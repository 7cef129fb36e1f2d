// A stand-in for image_transport; see README.md.
#pragma once

#include <functional>
#include <map>
#include <rclcpp/rclcpp.hpp>
#include <sensor_msgs/msg/image.hpp>

namespace image_transport {

using Callback = std::function<void(const sensor_msgs::msg::Image::ConstSharedPtr&)>;

struct Topic {
  Callback callback;
  std::string transport;
  rmw_qos_profile_t qos{};
};

inline std::map<std::string, Topic>& topics() {
  static std::map<std::string, Topic> all;
  return all;
}

class Publisher {
 public:
  Publisher() = default;
  explicit Publisher(std::string topic) : topic_(std::move(topic)) {}
  void publish(const sensor_msgs::msg::Image& message) const {
    const auto found = topics().find(topic_);
    if (found != topics().end()) found->second.callback(std::make_shared<sensor_msgs::msg::Image>(message));
  }
  void shutdown() { topic_.clear(); }

 private:
  std::string topic_;
};

class Subscriber {
 public:
  Subscriber() = default;
  explicit Subscriber(std::string topic) : topic_(std::move(topic)) {}
  void shutdown() { topics().erase(topic_); }

 private:
  std::string topic_;
};

inline Publisher create_publisher(rclcpp::Node*, const std::string& topic, rmw_qos_profile_t = rmw_qos_profile_default) {
  return Publisher(topic);
}

inline Subscriber create_subscription(rclcpp::Node*, const std::string& topic, const Callback& callback,
                                      const std::string& transport,
                                      rmw_qos_profile_t qos = rmw_qos_profile_default) {
  topics()[topic] = {callback, transport, qos};
  return Subscriber(topic);
}

}  // namespace image_transport
