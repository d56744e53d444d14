// The Call of a running graph. Private to graph/run.
#pragma once

#include "graph/run/section.h"

namespace dagfusion {

class FrameCall final : public Call {
 public:
  FrameCall(Section& section, const Visit& visit, Frame& frame, bool first_of_step)
      : section_(section),
        visit_(visit),
        frame_(frame),
        node_(section.checked.nodes[visit.node]),
        first_(first_of_step) {}

  bool fresh(const Input& i) const override {
    return !i.connected() || section_.due.gives(node_.inputs[i.index].from.node, frame_.step);
  }
  const std::vector<Image>& images(const Input& i) const override {
    return frame_.images[list_of(visit_.in[i.index])];
  }
  std::vector<Image>& images(const Output& o) const override {
    return frame_.images[list_of(visit_.out[o.index])];
  }

  const float* weight(const Weight& w) const override { return values().values().data() + spec_of(w).offset; }
  const std::byte* packed(const Packed& p) const override {
    return values().packed() + section_.checked.weights->packed()[node_.packed[p.index]].offset;
  }

  float* d(const Weight& w) const override {
    return section_.shared.gradients.of_group(frame_.group) + spec_of(w).offset;
  }
  bool first_of_step() const override { return first_; }

  std::int64_t position() const override { return frame_.position; }
  int valid() const override { return frame_.valid; }
  std::int64_t step() const override { return frame_.step; }
  int iteration() const override { return node_.loop >= 0 ? frame_.iteration[node_.loop] : 0; }
  RandomStream random(int image) const override {
    return {.key = node_.stream,
            .image = static_cast<std::uint64_t>(frame_.position + image),
            .iteration = static_cast<std::uint32_t>(iteration())};
  }
  std::int64_t sample(int image) const override {
    const std::int64_t n = frame_.position + image;
    const std::optional<std::int64_t> size = static_cast<const DataSet&>(*node_.node).size();
    if (!size) return n;
    const std::uint64_t inside = static_cast<std::uint64_t>(n % *size),
                        count = static_cast<std::uint64_t>(*size);
    return node_.shuffle ? static_cast<std::int64_t>(
                               shuffled(inside, count, static_cast<std::uint64_t>(n / *size), node_.stream))
                         : static_cast<std::int64_t>(inside);
  }
  std::byte* scratch() const override;
  void drop(const std::string& reason) const override;
  RunInfo& run() const override { return section_.info; }

 protected:
  const void* input(int i) const override { return i < 0 ? nullptr : pointer(visit_.in[i]); }
  void* output(int o) const override { return pointer(visit_.out[o]); }
  void* saved_slot(int s) const override { return pointer(visit_.saved[s]); }
  const void* d_output(int o) const override { return pointer(visit_.d_out[o]); }
  void* d_input(int i) const override { return i < 0 ? nullptr : pointer(visit_.d_in[i]); }

 private:
  const WeightValues& values() const {
    const WeightValues* average = section_.averages[static_cast<std::size_t>(visit_.node)];
    return average ? *average : *section_.values;
  }
  void* pointer(int slot) const { return slot < 0 ? nullptr : section_.slot(slot, frame_); }
  int list_of(int slot) const { return section_.plan.slots[slot].images; }
  const WeightSpec& spec_of(const Weight& w) const {
    return section_.checked.weights->weights()[node_.weights[w.index]];
  }

  Section& section_;
  const Visit& visit_;
  Frame& frame_;
  const CheckedNode& node_;
  bool first_;
};

}  // namespace dagfusion
