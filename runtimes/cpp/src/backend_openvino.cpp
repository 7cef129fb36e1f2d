// OpenVINO: CPU, GPU and NPU of Intel machines, and ARM CPUs. As in Python, float32 arithmetic is asked for
// on every device, so that results agree across machines.
#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <mutex>
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

/// Frames of one size after which a copy is worth the second that its making takes, and copies at most.
constexpr int kAgain = 8;
constexpr std::size_t kMostCopies = 2;
/// Sizes that are counted; ever new ones do not come again.
constexpr std::size_t kCounted = 64;

/// Copies of a graph with free sides, each compiled for one size in a thread of its own: a graph of fixed
/// sides takes half the time, since its kernels are chosen for them.
class FixedCopies {
 public:
  using Compile = std::function<ov::CompiledModel(const Shape&)>;

  explicit FixedCopies(Compile compile) : compile_(std::move(compile)) {}
  ~FixedCopies() {
    if (maker_.joinable()) maker_.join();
  }

  /// The request of the copy for a shape, if there is one by now; counts that it came.
  ov::InferRequest* of(const Shape& shape) {
    const std::lock_guard<std::mutex> lock(lock_);
    const auto found = ready_.find(shape);
    if (found != ready_.end()) return &found->second;
    if (making_ || begun_ == kMostCopies) return nullptr;
    if (seen_.size() > kCounted) seen_.clear();
    if (++seen_[shape] < kAgain || failed_) return nullptr;
    if (maker_.joinable()) maker_.join();  // it is done: making_ says so
    making_ = true;
    ++begun_;
    maker_ = std::thread([this, shape] { make(shape); });
    return nullptr;
  }

 private:
  void make(const Shape& shape) {
    ov::InferRequest request;
    bool made = false;
    try {
      request = compile_(shape).create_infer_request();
      made = true;
    } catch (...) {  // such as no memory: the graph with free sides goes on
    }
    const std::lock_guard<std::mutex> lock(lock_);
    if (made) ready_.emplace(shape, std::move(request));
    failed_ = !made;
    making_ = false;
  }

  Compile compile_;
  std::mutex lock_;
  std::map<Shape, int> seen_;
  std::map<Shape, ov::InferRequest> ready_;
  std::size_t begun_ = 0;
  bool making_ = false, failed_ = false;
  std::thread maker_;
};

class OpenVINOSession : public Session {
 public:
  /// `copies` is null where the sides are fixed.
  OpenVINOSession(ov::CompiledModel model, std::unique_ptr<FixedCopies> copies)
      : model_(std::move(model)), request_(model_.create_infer_request()), copies_(std::move(copies)) {
    if (model_.outputs().size() != 1)
      throw IncompatibleError("the graph has more than one output; export it again");
  }

  void settle(const Shape& image) override {
    if (copies_) settled_ = copies_->of(image);
  }

  Output run(const std::vector<Feed>& feeds) override try {
    ov::InferRequest& request = settled_ != nullptr ? *settled_ : request_;
    settled_ = nullptr;
    for (const Feed& feed : feeds) {
      const ov::Tensor tensor =
          feed.levels != nullptr
              ? ov::Tensor(ov::element::u8, feed.shape, const_cast<std::uint8_t*>(feed.levels))
              : ov::Tensor(ov::element::f32, feed.shape, const_cast<float*>(feed.data));
      request.set_tensor(feed.name, tensor);
    }
    request.infer();
    const ov::Tensor output = request.get_output_tensor();
    if (output.get_element_type() == ov::element::u8)
      return {nullptr, output.get_shape(), output.data<const std::uint8_t>()};
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
  std::unique_ptr<FixedCopies> copies_;
  ov::InferRequest* settled_ = nullptr;
};

class OpenVINOBackend : public Backend {
 public:
  explicit OpenVINOBackend(const Options& options) : device_(chosen_device(options.device, devices())) {
    config_.emplace(ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
    if (device_ != "npu") config_.emplace(ov::hint::inference_precision(ov::element::f32));
    if (device_ != "cpu") return;
    // as in Python: more kernels than this grow the memory with every new size, and no speed
    config_.emplace("CPU_RUNTIME_CACHE_CAPACITY", kCachedKernels);
    // every graph would be pinned to the first CPUs, as would threads that call it, and two runtimes would
    // share those
    config_.emplace(ov::hint::enable_cpu_pinning(false));
    if (options.threads != 0) config_.emplace(ov::inference_num_threads(options.threads));
  }

  const std::string& device() const override { return device_; }

  std::unique_ptr<Session> open(const std::filesystem::path& file) override try {
    const std::shared_ptr<ov::Model> model = core_.read_model(file.string());
    std::unique_ptr<FixedCopies> copies;
    if (device_ == "cpu" && model->is_dynamic()) {
      const auto compile = [core = core_, config = config_, model](const Shape& shape) mutable {
        const auto fixed = model->clone();
        fixed->reshape({{"image", ov::PartialShape(ov::Shape(shape))}});
        return core.compile_model(fixed, "CPU", config);
      };
      copies = std::make_unique<FixedCopies>(compile);
    }
    return std::make_unique<OpenVINOSession>(core_.compile_model(model, upper(device_), config_),
                                             std::move(copies));
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

bool backend_takes_levels() { return true; }

}  // namespace restorect
