// OpenVINO: CPU, GPU and NPU of Intel machines, and ARM CPUs. As in Python, float32 arithmetic is asked for
// on every device, so that results agree across machines.
#include <algorithm>
#include <cctype>
#include <openvino/openvino.hpp>
#include <thread>

#include "backend.hpp"

namespace restorect {
namespace {

/// Kernels that a graph with free sides keeps, one for each layer and size.
constexpr int kCachedKernels = 128;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

class OpenVINOSession : public Session {
 public:
  explicit OpenVINOSession(ov::CompiledModel model)
      : model_(std::move(model)), request_(model_.create_infer_request()) {
    if (model_.outputs().size() != 1)
      throw IncompatibleError("the graph has more than one output; export it again");
  }

  Output run(const std::vector<Feed>& feeds) override try {
    for (const Feed& feed : feeds) {
      request_.set_tensor(feed.name, ov::Tensor(ov::element::f32, feed.shape, const_cast<float*>(feed.data)));
    }
    request_.infer();
    const ov::Tensor output = request_.get_output_tensor();
    return {output.data<const float>(), output.get_shape()};
  } catch (const ov::Exception& error) {
    throw BackendError(std::string("OpenVINO failed: ") + error.what());
  }

  std::string provider() const override {
    const std::string version = ov::get_openvino_version().buildNumber;
    std::string text = "OpenVINO " + version.substr(0, version.find('-'));
    for (const std::string& device : model_.get_property(ov::execution_devices)) text += " " + device;
    return text;
  }

 private:
  ov::CompiledModel model_;
  ov::InferRequest request_;
};

class OpenVINOBackend : public Backend {
 public:
  explicit OpenVINOBackend(const Options& options) : device_(chosen_device(options.device, devices())) {
    config_.emplace(ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
    if (device_ != "npu") config_.emplace(ov::hint::inference_precision(ov::element::f32));
    if (device_ != "cpu") return;
    // as in Python: more kernels than this grow the memory with every new size, and no speed
    config_.emplace("CPU_RUNTIME_CACHE_CAPACITY", kCachedKernels);
    if (options.threads == 0) return;
    config_.emplace(ov::inference_num_threads(options.threads));
    // every graph would be pinned to the first CPUs, and two runtimes would share those
    const bool all = static_cast<unsigned>(options.threads) >= std::thread::hardware_concurrency();
    config_.emplace(ov::hint::enable_cpu_pinning(all));
  }

  const std::string& device() const override { return device_; }

  std::unique_ptr<Session> open(const std::filesystem::path& file) override try {
    return std::make_unique<OpenVINOSession>(core_.compile_model(file.string(), upper(device_), config_));
  } catch (const ov::Exception& error) {
    throw BackendError("OpenVINO cannot load '" + file.string() + "' on " + device_ + ": " + error.what());
  }

 private:
  std::vector<std::string> devices() {
    std::vector<std::string> found, present;
    for (const std::string& name : core_.get_available_devices())
      found.push_back(lower(name.substr(0, name.find('.'))));
    for (const char* name : {"cpu", "gpu", "npu"}) {
      if (std::find(found.begin(), found.end(), name) != found.end()) present.emplace_back(name);
    }
    return present;
  }

  ov::Core core_;
  std::string device_;
  ov::AnyMap config_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const Options& options) try {
  return std::make_unique<OpenVINOBackend>(options);
} catch (const ov::Exception& error) {
  throw BackendError(std::string("OpenVINO does not start: ") + error.what());
}

const std::string& backend_name() {
  static const std::string name = "openvino";
  return name;
}

const std::vector<std::string>& backend_targets() {
  static const std::vector<std::string> targets = {"openvino", "onnx", "tensorrt"};
  return targets;
}

bool backend_fuses() { return true; }

}  // namespace restorect
