// One node on a bench: made from YAML text as users make it, fed by hand, run without a flow graph.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/check.h"

namespace dagfusion::tests {

// A value as plain row-major float32, whatever layout and dtype the node wants.
struct Plain {
  Shape shape;
  std::vector<float> values;
};

Plain numbered(Shape shape);                      // 0, 1, 2, …
Plain gaussian(Shape shape, std::uint64_t seed);  // standard normal, from a written seed

struct BenchOptions {
  bool training = false;
  std::uint64_t seed = 1;
  std::int64_t batch_size = 0;  // 0: the images of one frame
  std::int64_t steps = 100;
  int channel_block = 8;
  std::string sections;                 // YAML of further sections: "diffusion: {schedule: linear}"
  std::string directory;                // RunInfo::directory()
  std::map<std::string, DType> dtypes;  // of inputs that are not f32
  bool half = false;                    // precision: bfloat16
  std::map<std::string, std::vector<Image>> images;  // inputs of dtype `images`
  std::vector<std::string> no_gradient;              // inputs that want no gradient
  std::vector<std::string> blocked;  // inputs given in channel blocks to ports that take any layout
};

class OneNode {
 public:
  // `yaml`: "{type: conv2d, channels: 8}". The node is called "node" and lies in the file "test.yaml" at 1:1.
  // `inputs` by port; micro_batch is the first side of the first input (or `micro_batch` when the node has
  // none). Throws UserError like the checker. Composites are refused: check them with a whole pipeline.
  OneNode(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions = {},
          int micro_batch = 1);
  ~OneNode();

  // Position of the frame's first image; iteration of the loop; images that are not filling (-1: all).
  void at(std::int64_t position, int iteration = 0, int valid = -1);
  void set_input(const std::string& port, std::vector<float> values);

  // Maps; of an ordered node: run(). What the node does not write is NaN; filling channels must come out as
  // zero.
  void forward();
  Plain output(const std::string& port) const;
  const std::vector<Image>& output_images(const std::string& port) const;
  TensorSpec output_spec(const std::string& port) const;  // as planned: dtype, layout

  // Weights by name ("weight"), in PyTorch's order. After set_weight the packed copies are fresh.
  Plain weight(const std::string& name) const;
  void set_weight(const std::string& name, std::vector<float> values);

  // Backward of the frame that forward() ran last. Missing gradients of outputs are zero.
  void backward(std::map<std::string, Plain> d_outputs);
  Plain d_input(const std::string& port) const;
  Plain d_weight(const std::string& name) const;  // of accumulate(); backward() starts a new step
  void accumulate_again();                        // a second frame of the same step, with the same values

  Node& node();
  const NodeType& type() const;
  std::int64_t multiply_adds() const;
  RunInfo& run();
  bool dropped() const;
  const CheckedNode& checked() const;
  bool wants(const std::string& port) const;                // backward() gives d_input(port)
  std::vector<float> given(const std::string& port) const;  // the values of an input

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Compares every input's and weight's gradient of loss = sum(output * r), r random, with central differences
// of step h. Fails the running test with a message that names the worst element when |a - n| > bound *
// max(1, max|n|).
struct GradientCheck {
  double h = 1e-2;
  double bound = 2e-3;
  int most_elements = 60;  // of each input and weight, chosen by a fixed seed
};
void expect_gradients_match(OneNode&, GradientCheck = {});

// The message of the UserError that making this node throws; "" when none is thrown.
std::string refusal(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions = {},
                    int micro_batch = 1);

}  // namespace dagfusion::tests
