#include "nodes/measures/fixed_weights.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "nodes/measures/built_in_weights.h"

namespace dagfusion {
namespace {

// A network has a hundred layers in one file. It stays open as long as one of them is there.
std::shared_ptr<TensorFile> opened(const std::filesystem::path& path) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<TensorFile>> open;
  const std::string key = fmt::format(
      "{} {}", std::filesystem::absolute(path).string(),
      std::filesystem::last_write_time(path).time_since_epoch().count());  // a new file is another one
  const std::lock_guard lock(mutex);
  if (auto file = open[key].lock()) return file;
  std::shared_ptr<TensorFile> file = open_tensor_file(path);
  open[key] = file;
  return file;
}

}  // namespace

FixedWeights::FixedWeights(Setup& setup) {
  if (setup.text("weights") == kBuiltInWeights) {
    file_ = built_in_weights();
    return;
  }
  const std::filesystem::path path = setup.readable("weights");
  try {
    file_ = opened(path);
  } catch (const UserError& error) {
    setup.fail_at("weights", error.what());
  }
}

bool FixedWeights::has(const std::string& tensor) const { return file_->tensors().contains(tensor); }

Shape FixedWeights::shape_of(const Setup& setup, const std::string& tensor, const Shape& shape) const {
  const auto found = file_->tensors().find(tensor);
  if (found == file_->tensors().end())
    setup.fail_at("weights", fmt::format("'{}' holds no '{}'", file_->path().string(), tensor));
  if (!shape.empty() && found->second.shape != shape)
    setup.fail_at("weights",
                  fmt::format("'{}' of '{}' is {}; here it must be {}", tensor, file_->path().string(),
                              to_string(found->second.shape), to_string(shape)));
  return found->second.shape;
}

std::vector<float> FixedWeights::read(const std::string& tensor) const { return file_->read(tensor); }

Parameter fixed_weights_parameter() {
  return {.name = "weights",
          .kind = Kind::text,
          .doc =
              "file of tensors (safetensors, .npz, PyTorch's .pth, TensorFlow's frozen .pb); `digits`: those "
              "of the "
              "digits' classifier that is built in",
          .required = true};
}

}  // namespace dagfusion
