#include "nodes/files/hdf5.h"

namespace dagfusion {
namespace {

std::recursive_mutex& library() {
  static auto* mutex = new std::recursive_mutex;  // outlives everything that closes a file
  return *mutex;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(library()) {
  H5PLset_loading_state(0);                     // a file may ask for a plugin: code
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // kept per thread
}

bool Hdf5Id::close() {
  if (id_ < 0) return true;
  Hdf5Lock lock;
  return close_(std::exchange(id_, -1)) >= 0;
}

std::string hdf5_complaint() {
  std::string innermost;
  const auto take = [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
    *static_cast<std::string*>(text) = error->desc ? error->desc : "";
    return 1;  // the first is the innermost
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take, &innermost);
  return innermost;
}

}  // namespace dagfusion
