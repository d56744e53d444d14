// checked -> planned: tasks (forward, backward, gradient sums, steps), the edges between them, and every
// byte of a frame.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/check/check.h"

namespace dagfusion {

// Where a slot lives. frame: read ahead of the model, or small;
// lane: inside the model; step: one for all frames.
enum class Place : std::uint8_t { frame, lane, step };

struct Slot {
  std::string name;  // "out/conv_in.y", "d out/conv_in.y"
  TensorSpec spec;
  Place place = Place::lane;
  std::size_t offset = 0;
  int images = -1;  // of dtype `images`: which list of the frame
};

// One node's part of a task: slots by handle; -1 where there is none.
struct Visit {
  int node = -1;
  int when = -1;  // this slot is 0: the frame skips the node
  std::vector<int> in, out, saved, d_out, d_in;
};

// A per-frame value that a per-step node reads: averaged into a slot of the step.
struct Mean {
  int from = -1, to = -1;  // slots
};

struct Task {
  enum class Kind : std::uint8_t {
    forward,
    backward,
    again,  // forward, for the backward pass
    accumulate,
    sum_gradients,
    loop_head,
    loop_tail,
    ahead,  // what an ordered node does before its turn
    ordered,
    exchange,
    collect,
    step,
    child,
    admission,
    release
  };
  Kind kind = Kind::forward;
  std::string name;
  std::vector<Visit>
      visits;  // one; accumulate: one per call that shares the weights, first of which may overwrite
  std::vector<int> before;  // tasks that must be done for this frame, each once
  bool serial = false;      // frames in order, one at a time
  bool admitted = false;    // behind the admission: has a lane
  int loop = -1;            // around this task
  std::vector<int> terms;   // sum_gradients: slots, and where the sum goes
  int sum = -1;
  std::vector<Mean> means;  // step
};

struct PlannedLoop {
  int head = -1, tail = -1;  // tasks
  int count = 0;
  std::vector<int> start, carry, next, last;  // slots; start -1 = zeros
  std::vector<int> collect, strips, every;    // slots, slots, iterations
};

struct Plan {
  std::vector<Task> tasks;  // in topological order
  std::vector<Slot> slots;
  std::vector<PlannedLoop> loops;
  int image_lists = 0;
  int seed = -1;            // slot that holds d(loss) of one frame
  std::vector<int> losses;  // slots of what is minimized, one per optimiser
  std::size_t frame_bytes = 0, lane_bytes = 0, step_bytes = 0;
  int admission = -1, release = -1;  // tasks
  std::vector<int> steps;            // step tasks, in the order they run
  int exchange = -1;                 // task: with the other processes, before the first of those
  int collect = -1;  // task: frames of other processes come in; what is behind it the first one does
  std::vector<int> collected;  // slots that come with such a frame
  int frames_per_step = 1;
};

// A checked pipeline with its plan, and the plans of the pipelines that run inside it.
struct Planned {
  Checked checked;
  Plan plan;
  std::map<int, Plan> inner;  // by the node that runs it
};

// Refuses nothing: what cannot be planned is refused by check().
Planned plan(Checked);

// Gives every lane slot an offset: two slots share memory when everyone who touches one is done, by the
// edges alone, before the other is written. Returns the bytes of a lane. (memory.cpp)
struct Lifetime {
  int slot = -1;
  int writer = -1;
  std::vector<int> touched_by;  // tasks, with the writer
};
std::size_t place_slots(std::vector<Slot>&, const std::vector<Lifetime>&, const std::vector<Task>&);

}  // namespace dagfusion
