// TensorRT 10 and 11 on NVIDIA GPUs, such as a Jetson's: runs the engines that the artifact's build_engine.py
// built on this machine. Written against NVIDIA's public headers; not compiled where this project is tested.
#include <NvInferRuntime.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>

#include "backend.hpp"
#include "engine_record.hpp"

namespace restorect {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw BackendError(std::string("CUDA failed to ") + what + ": " + cudaGetErrorString(status));
}

/// Keeps the errors that TensorRT logs.
class Log : public nvinfer1::ILogger {
 public:
  void log(Severity severity, char const* message) noexcept override try {
    if (severity <= Severity::kERROR) errors_ += (errors_.empty() ? "" : "; ") + std::string(message);
  } catch (...) {  // no memory for a message
  }

  /// Return the errors since the last call.
  std::string take() {
    std::string text;
    text.swap(errors_);
    return text.empty() ? "it gives no reason" : text;
  }

 private:
  std::string errors_;
};

/// TensorRT keeps the first logger that it is given, and complains of others.
Log& logger() {
  static Log log;
  return log;
}

/// GPU memory that grows when more is asked for.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* reserve(std::size_t size) {
    if (size > size_) {
      check(cudaFree(data_), "free memory");
      // first, so that nothing is freed twice where the allocation fails
      data_ = nullptr;
      size_ = 0;
      check(cudaMalloc(&data_, size), "allocate memory");
      size_ = size;
    }
    return data_;
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

class CudaStream {
 public:
  CudaStream() { check(cudaStreamCreate(&stream_), "make a stream"); }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

std::string version() {
  const int number = getInferLibVersion();
  // from version 10 on: 10000 · major + 100 · minor + patch
  return "TensorRT " + std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
         std::to_string(number % 100);
}

EngineKey key_of(int device) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "describe the GPU");
  return {properties.name, std::to_string(properties.major) + "." + std::to_string(properties.minor),
          version()};
}

std::size_t count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

std::string text(const nvinfer1::Dims& dims) {
  std::string list;
  for (int i = 0; i < dims.nbDims; ++i) list += (i == 0 ? "" : "x") + std::to_string(dims.d[i]);
  return list;
}

std::vector<char> content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class TensorRTSession : public Session {
 public:
  TensorRTSession(nvinfer1::IRuntime& runtime, const std::filesystem::path& file, const EngineKey& key)
      : provider_(key.tensorrt + " on " + key.gpu + " (compute capability " + key.compute_capability + ")") {
    const std::vector<char> plan = content(current_engine(file, key));
    engine_.reset(runtime.deserializeCudaEngine(plan.data(), plan.size()));
    if (engine_) context_.reset(engine_->createExecutionContext());
    if (!context_)
      throw BackendError(key.tensorrt + " cannot load the engine of '" + file.string() +
                         "': " + logger().take());
    output_ = output_name(file);
  }

  Output run(const std::vector<Feed>& feeds) override {
    for (const Feed& feed : feeds) {
      const std::size_t bytes = count(feed.shape) * sizeof(float);
      void* const memory = buffers_[feed.name].reserve(bytes);
      check(cudaMemcpyAsync(memory, feed.data, bytes, cudaMemcpyHostToDevice, stream_.get()),
            "copy an input");
      set_shape(feed);
      bind(feed.name, memory);
    }
    const Shape shape = output_shape();
    result_.resize(count(shape));
    const std::size_t bytes = result_.size() * sizeof(float);
    void* const memory = buffers_[output_].reserve(bytes);
    bind(output_.c_str(), memory);
    if (!context_->enqueueV3(stream_.get())) throw BackendError("TensorRT failed: " + logger().take());
    check(cudaMemcpyAsync(result_.data(), memory, bytes, cudaMemcpyDeviceToHost, stream_.get()),
          "copy the output");
    check(cudaStreamSynchronize(stream_.get()), "run");
    return {result_.data(), shape};
  }

  std::string provider() const override { return provider_; }

 private:
  /// Check that all tensors are float32 and return the name of the one output.
  std::string output_name(const std::filesystem::path& file) const {
    std::vector<std::string> outputs;
    for (int i = 0; i < engine_->getNbIOTensors(); ++i) {
      const char* const name = engine_->getIOTensorName(i);
      if (engine_->getTensorDataType(name) != nvinfer1::DataType::kFLOAT) {
        throw IncompatibleError("tensor '" + std::string(name) + "' of '" + file.string() +
                                "' is not float32; export it again");
      }
      if (engine_->getTensorIOMode(name) == nvinfer1::TensorIOMode::kOUTPUT) outputs.emplace_back(name);
    }
    if (outputs.size() != 1) throw IncompatibleError("the graph has more than one output; export it again");
    return outputs.front();
  }

  void set_shape(const Feed& feed) {
    nvinfer1::Dims dims{};
    dims.nbDims = static_cast<int32_t>(feed.shape.size());
    std::copy(feed.shape.begin(), feed.shape.end(), dims.d);
    if (context_->setInputShape(feed.name, dims)) return;
    const auto limit = [&](nvinfer1::OptProfileSelector which) {
      return text(engine_->getProfileShape(feed.name, 0, which));
    };
    throw IncompatibleError("input '" + std::string(feed.name) + "' has shape " + text(dims) +
                            ", the engine takes " + limit(nvinfer1::OptProfileSelector::kMIN) + " to " +
                            limit(nvinfer1::OptProfileSelector::kMAX) +
                            ": build it for more with build_engine.py --shapes");
  }

  void bind(const char* name, void* memory) {
    if (!context_->setTensorAddress(name, memory))
      throw BackendError("TensorRT refuses tensor '" + std::string(name) + "': " + logger().take());
  }

  Shape output_shape() const {
    const nvinfer1::Dims dims = context_->getTensorShape(output_.c_str());
    if (dims.nbDims < 0 || std::any_of(dims.d, dims.d + dims.nbDims, [](auto side) { return side < 0; }))
      throw BackendError("TensorRT does not know the output's shape: " + logger().take());
    return {dims.d, dims.d + dims.nbDims};
  }

  std::string provider_, output_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  CudaStream stream_;
  std::map<std::string, Buffer> buffers_;
  std::vector<float> result_;
};

class TensorRTBackend : public Backend {
 public:
  explicit TensorRTBackend(const Options& options)
      : device_(chosen_device(options.device, devices())),
        key_(key_of(0)),
        runtime_(nvinfer1::createInferRuntime(logger())) {
    if (!runtime_) throw BackendError("TensorRT does not start: " + logger().take());
  }

  const std::string& device() const override { return device_; }

  std::unique_ptr<Session> open(const std::filesystem::path& file) override {
    return std::make_unique<TensorRTSession>(*runtime_, file, key_);
  }

 private:
  static std::vector<std::string> devices() {
    int found = 0;
    if (cudaGetDeviceCount(&found) != cudaSuccess || found == 0) return {};
    return {"cuda"};
  }

  std::string device_;
  EngineKey key_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const Options& options) {
  return std::make_unique<TensorRTBackend>(options);
}

const std::string& backend_name() {
  static const std::string name = "tensorrt";
  return name;
}

const std::vector<std::string>& backend_targets() {
  static const std::vector<std::string> targets = {"tensorrt", "onnx"};
  return targets;
}

bool backend_fuses() { return false; }

bool backend_takes_levels() { return false; }

}  // namespace restorect
