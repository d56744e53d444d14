#include "nodes/files/hdf5.h"

#include <sys/resource.h>

#include <cstdlib>
#include <new>

namespace dagfusion {
namespace {

std::recursive_mutex& library() {
  static auto* mutex = new std::recursive_mutex;  // outlives everything that closes a file
  return *mutex;
}

}  // namespace

// Where memory is bounded, libhdf5 must not be the one that meets the bound: it then keeps its own lock, or crashes.
void Hdf5Lock::require_room() {
  static const bool bounded = [] {
    rlimit limit{};
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  }();
  constexpr std::size_t kRoom = std::size_t{16} << 20;
  if (!bounded) return;
  void* volatile room = std::malloc(kRoom);  // volatile: else the compiler would leave both calls out
  if (!room) throw std::bad_alloc();
  std::free(room);
}

Hdf5Lock::Hdf5Lock(For what_for) : lock_(library()) {
  if (what_for == For::work) require_room();
  H5PLset_loading_state(0);                     // a file may ask for a plugin: code
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // kept per thread
}

bool Hdf5Id::close() {
  if (id_ < 0) return true;
  Hdf5Lock lock(Hdf5Lock::For::closing);
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
