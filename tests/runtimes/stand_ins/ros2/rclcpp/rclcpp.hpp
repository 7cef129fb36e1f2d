// A stand-in for rclcpp; see README.md.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

enum rmw_qos_reliability_policy_e { RMW_QOS_POLICY_RELIABILITY_RELIABLE, RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT };

struct rmw_qos_profile_t {
  std::size_t depth;
  rmw_qos_reliability_policy_e reliability;
};

static const rmw_qos_profile_t rmw_qos_profile_sensor_data = {5, RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT};
static const rmw_qos_profile_t rmw_qos_profile_default = {10, RMW_QOS_POLICY_RELIABILITY_RELIABLE};

namespace rclcpp {

class Logger {};
class Clock {
 public:
  using SharedPtr = std::shared_ptr<Clock>;
};

using Value = std::variant<bool, std::int64_t, double, std::string>;

class Parameter {
 public:
  explicit Parameter(Value value) : value_(std::move(value)) {}
  bool as_bool() const { return std::get<bool>(value_); }
  std::int64_t as_int() const { return std::get<std::int64_t>(value_); }
  double as_double() const { return std::get<double>(value_); }
  std::string as_string() const { return std::get<std::string>(value_); }

 private:
  Value value_;
};

class NodeOptions {
 public:
  NodeOptions& arguments(const std::vector<std::string>& arguments) {
    arguments_ = arguments;
    return *this;
  }
  NodeOptions& append_parameter_override(const std::string& name, Value value) {
    overrides_[name] = std::move(value);
    return *this;
  }
  const std::map<std::string, Value>& overrides() const { return overrides_; }

 private:
  std::vector<std::string> arguments_;
  std::map<std::string, Value> overrides_;
};

namespace node_interfaces {
class NodeBaseInterface {
 public:
  using SharedPtr = std::shared_ptr<NodeBaseInterface>;
};
}  // namespace node_interfaces

class Node {
 public:
  using SharedPtr = std::shared_ptr<Node>;
  Node(const std::string& name, const std::string& space, const NodeOptions& options = NodeOptions())
      : name_(name), space_(space), options_(options) {}
  virtual ~Node() = default;

  const char* get_name() const { return name_.c_str(); }
  const char* get_namespace() const { return space_.c_str(); }
  Logger get_logger() const { return {}; }
  Clock::SharedPtr get_clock() { return std::make_shared<Clock>(); }

  template <typename Type>
  Type declare_parameter(const std::string& name, const Type& value) {
    Value given = value_of(value);
    const auto found = options_.overrides().find(name);
    if (found != options_.overrides().end()) {
      // ROS refuses an override of another type
      if (found->second.index() != given.index()) throw std::invalid_argument(name + " has another type");
      given = found->second;
    }
    parameters_[name] = given;
    return value;
  }
  Parameter get_parameter(const std::string& name) const { return Parameter(parameters_.at(name)); }

 private:
  template <typename Type>
  static Value value_of(const Type& value) {
    if constexpr (std::is_same_v<Type, int>) return std::int64_t{value};
    else return value;
  }

  std::string name_, space_;
  NodeOptions options_;
  std::map<std::string, Value> parameters_;
};

namespace executors {
class SingleThreadedExecutor {
 public:
  void add_node(const node_interfaces::NodeBaseInterface::SharedPtr&) {}
  void add_node(const Node::SharedPtr&) {}
  void spin() {}
};
}  // namespace executors

inline void init(int, char**) {}
inline void shutdown() {}

inline std::string& last_log() {
  static std::string text;
  return text;
}

template <typename... Parts>
void log(const char* format, Parts... parts) {
  char text[4096];
  std::snprintf(text, sizeof text, format, parts...);
  last_log() = text;
}

}  // namespace rclcpp

#define RCLCPP_INFO(logger, ...) ((void)(logger), rclcpp::log(__VA_ARGS__))
#define RCLCPP_WARN(logger, ...) ((void)(logger), rclcpp::log(__VA_ARGS__))
#define RCLCPP_ERROR(logger, ...) ((void)(logger), rclcpp::log(__VA_ARGS__))
#define RCLCPP_ERROR_THROTTLE(logger, clock, duration, ...) \
  ((void)(logger), (void)(clock), (void)(duration), rclcpp::log(__VA_ARGS__))
