#include "nodes/dnnl/primitive.h"

#include <cassert>

namespace dagfusion {

Primitive::Primitive(const dnnl::primitive& primitive, Arguments arguments)
    : primitive_(primitive), arguments_(std::move(arguments)) {}

std::unique_ptr<Primitive::Set> Primitive::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto set = std::move(idle_.back());
      idle_.pop_back();
      return set;
    }
  }
  auto set = std::make_unique<Set>();
  for (const auto& [id, desc] : arguments_) {
    const dnnl::memory& made = set->memories.emplace_back(dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE));
    set->arguments.push_back({id, made.get()});
  }
  return set;
}

void Primitive::run(std::initializer_list<const void*> data) const {
  assert(data.size() == arguments_.size());
  auto set = take();
  auto memory = set->memories.begin();
  for (const void* pointer : data) (memory++)->set_data_handle(const_cast<void*>(pointer));
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), thread_stream().get(), static_cast<int>(set->arguments.size()),
                             set->arguments.data()),
      "could not run a primitive");
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(set));
}

}  // namespace dagfusion
