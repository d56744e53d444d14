// A oneDNN primitive that many threads run at once, on plain pointers.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "nodes/dnnl/engine.h"

namespace dagfusion {

// Arguments are dnnl::memory objects. Making them anew takes 2.5 microseconds for each run of a convolution,
// which a small one feels; so sets of them are kept and given the pointers of the run.
// There are as many sets as runs at the same time.
// They are handed on as the C interface takes them: the C++ one makes that array anew.
//
// No descriptor here has padding of its own (filling channels count as channels): with it, oneDNN would write
// zeros into an input as soon as a memory object is pointed at it, while other threads read it.
class Primitive {
 public:
  using Arguments = std::vector<std::pair<int, dnnl::memory::desc>>;  // DNNL_ARG_*, what lies there

  Primitive(const dnnl::primitive& primitive, Arguments arguments);
  void run(std::initializer_list<const void*> data) const;  // in the order of the arguments

 private:
  struct Set {
    std::vector<dnnl::memory> memories;
    std::vector<dnnl_exec_arg_t> arguments;  // the same, with their DNNL_ARG_*
  };
  std::unique_ptr<Set> take() const;

  dnnl::primitive primitive_;
  Arguments arguments_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Set>> idle_;
};

}  // namespace dagfusion
