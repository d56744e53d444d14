// What a node is while it runs. Roles: map (many frames at once, no state), data set (a map from positions to
// samples), ordered (own state, one frame or step at a time, in order).
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/values/random.h"
#include "graph/values/tensor.h"
#include "graph/values/weights.h"

namespace dagfusion {

// Handles that a node asks for in its constructor (graph/types/setup.h) and uses with a Call.
struct Input {
  int index = -1;
  TensorSpec spec;
  bool connected() const { return index >= 0; }
};
struct Output {
  int index = -1;
  TensorSpec spec;
};
struct Saved {
  int index = -1;
};
struct Weight {
  int index = -1;  // among the node's own weights
  bool present() const { return index >= 0; }
};
struct Packed {
  int index = -1;
};

class RunInfo;

// One visit of one frame to one node. Pointers are valid during the visit only.
class Call {
 public:
  virtual ~Call() = default;

  template <class T>
  const T* in(const Input& i) const {
    return static_cast<const T*>(input(i.index));
  }
  template <class T>
  T* out(const Output& o) const {
    return static_cast<T*>(output(o.index));
  }
  template <class T>
  T* saved(const Saved& s) const {
    return static_cast<T*>(saved_slot(s.index));
  }
  // False: the value comes once per step, and what gives it does so in other steps than this one (`every`).
  virtual bool fresh(const Input&) const { return true; }
  virtual const std::vector<Image>& images(const Input&) const = 0;  // ports of dtype `images`
  virtual std::vector<Image>& images(const Output&) const = 0;

  virtual const float* weight(const Weight&) const = 0;  // stored layout
  virtual const std::byte* packed(const Packed&) const = 0;

  // Backward. d(output): what has arrived (read). d(input): what is to be written, null when nobody wants it.
  template <class T>
  const T* d(const Output& o) const {
    return static_cast<const T*>(d_output(o.index));
  }
  template <class T>
  T* d(const Input& i) const {
    return static_cast<T*>(d_input(i.index));
  }
  // accumulate(): the sum over the frames of a step, or of one of its gradient_groups, stored layout. The first of
  // these frames overwrites it, which is what first_of_step() says.
  virtual float* d(const Weight&) const = 0;
  virtual bool first_of_step() const = 0;

  // The frame. Position of its first image: step * batch_size + place in the batch in training, the image's
  // number in sampling and preprocessing. A frame always holds N images; those from `valid` on only fill up
  // the last one.
  virtual std::int64_t position() const = 0;
  virtual int valid() const = 0;
  virtual std::int64_t step() const = 0;
  virtual int iteration() const = 0;  // of the loop around this node, from 0
  virtual RandomStream random(int image) const = 0;
  // Of a data set: the sample at place `image` of this frame, and the epoch it belongs to.
  virtual std::int64_t sample(int image) const = 0;
  // 64-byte aligned memory of this thread, at least as large
  // as asked for in prepare(); the contents are lost.
  virtual std::byte* scratch() const = 0;
  // on_error: drop — this frame carries nothing usable; the rest of the graph skips it.
  virtual void drop(const std::string& reason) const = 0;
  virtual RunInfo& run() const = 0;

 protected:
  virtual const void* input(int) const = 0;
  virtual void* output(int) const = 0;
  virtual void* saved_slot(int) const = 0;
  virtual const void* d_output(int) const = 0;
  virtual void* d_input(int) const = 0;  // -1: not connected
};

// What prepare() may ask for.
struct Preparation {
  std::size_t scratch_bytes = 0;  // raised to what the largest user needs
  // Threads that a body may use (graph/values/parallel.h):
  // more than one when fewer frames are on the way than threads.
  int ways = 1;
  void scratch(std::size_t bytes) { scratch_bytes = std::max(scratch_bytes, bytes); }
};

class Node {
 public:
  virtual ~Node() = default;
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  // Once, before the first frame: primitives and tables. The constructor only declares.
  virtual void prepare(Preparation&) {}
};

class Map : public Node {
 public:
  virtual void forward(Call&) const = 0;
};

// A map through which gradients flow back.
class DifferentiableMap : public Map {
 public:
  // Writes d(input) for every input that wants one.
  virtual void backward(Call&) const = 0;
  // Adds this frame's share to d(weight), or overwrites it when first_of_step(); in frame order, one frame
  // at a time.
  virtual void accumulate(Call&) const {}
};

class DataSet : public Map {
 public:
  virtual std::optional<std::int64_t> size() const = 0;  // nothing = endless
  virtual std::string fingerprint() const = 0;  // another data set has another one; saved in checkpoints
  // Of the classes that an output `label` counts, from 0; nothing where it knows no names.
  virtual std::vector<std::string> class_names() const { return {}; }
  // Of one sample: "cat/001.png"; nothing where samples have no names.
  virtual std::string sample_name(std::int64_t) const { return {}; }
};

// `each` of a loop: its outputs are filled anew at the head
// of every iteration (Call::iteration()), count() times.
class Times : public Map {
 public:
  virtual int count() const = 0;
  virtual std::string listing() const { return {}; }  // its times in short, for who looks at the plan
};

// A value that a checkpoint saves and reads back, under its name.
struct StateTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::function<void(std::byte* out)> save;
  std::function<void(const std::byte* in)> load;
};

// Numbers that a node writes, for whoever compares runs.
struct CsvFile {
  std::string name;  // in the run directory, or in that of a preview
  std::vector<std::string> columns;
};

class Ordered : public Node {
 public:
  // Per frame (or per step, once its last frame is there,
  // with per-frame inputs averaged over the step's images).
  virtual void run(Call&) = 0;
  // After the last frame, when the graph is idle and no error has happened: close files, write what is left.
  virtual void finish(RunInfo&) {}
  virtual std::vector<StateTensor> state() { return {}; }
  virtual std::optional<CsvFile> csv() const { return std::nullopt; }
};

// A node that keeps weights of its own, in the layout of WeightTable (an average); a preview can use them.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual WeightValues& weights() = 0;
};

// The run around a node, for those that write files or save state.
class RunInfo {
 public:
  virtual ~RunInfo() = default;
  // Where relative paths of sinks go: the run directory, previews/step-N below it in a preview, "" = here.
  virtual std::filesystem::path directory() const = 0;
  virtual std::filesystem::path resolve(
      const std::string& path) const = 0;  // directory()/path, unless absolute
  virtual std::uint64_t seed() const = 0;
  virtual std::int64_t steps_done() const = 0;     // steps applied so far, in this run and those it continues
  virtual std::int64_t first_step() const = 0;     // where this process took up the run; 0 = from the start
  virtual const WeightTable& weights() const = 0;  // of the model that is trained, or sampled
  virtual WeightValues& values() = 0;              // the live ones
  virtual std::span<float> gradients() = 0;        // sums over the step, at the weights' offsets
  virtual std::string resolved_yaml() const = 0;
  // Facts for state.json, one JSON object as text:
  // step, seed, micro_batch, gradient_groups, precision, instruction_set, data, model_input.
  virtual std::string state_json() const = 0;
  struct Stateful {
    std::string path;  // of the node
    std::string type;
    Ordered* node;
  };
  virtual std::vector<Stateful> stateful() const = 0;  // nodes with a state, in graph order
  virtual void told(const std::string& line) = 0;  // for the report at the end: "samples: runs/…/samples.png"
};

}  // namespace dagfusion
