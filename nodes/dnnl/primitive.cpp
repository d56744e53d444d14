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
  for (const auto& [id, desc] : arguments_)
    set->emplace(id, dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE));
  return set;
}

void Primitive::run(std::initializer_list<const void*> data) const {
  assert(data.size() == arguments_.size());
  auto set = take();
  auto argument = arguments_.begin();
  for (const void* pointer : data) set->at((argument++)->first).set_data_handle(const_cast<void*>(pointer));
  primitive_.execute(thread_stream(), *set);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(set));
}

}  // namespace dagfusion
