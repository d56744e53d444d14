// oneDNN's engine, and what every thread that runs primitives must have set.
#pragma once

#include <string>

#include "oneapi/dnnl/dnnl.hpp"

namespace dagfusion {

const dnnl::engine& cpu_engine();  // one for the process
dnnl::stream& thread_stream();     // one for each thread: two must not use the same at once

// Call on every thread before it makes or runs primitives: main, and the workers in a
// task_scheduler_observer, since main's settings do not reach them.
// - One OpenMP thread: the flow graph keeps the cores busy already;
//   a primitive that is split over them as well only gets slower.
// - Denormal floats are flushed to zero: gradients and Adam's moments decay into them, each one costs some
//   hundred cycles, and what is lost lies below 1.2e-38.
//   On every thread, so that no result depends on which thread ran a node.
void on_thread_entry();

int channel_block();            // channels stored together: 16 where oneDNN uses AVX-512, else 8
bool bfloat16_available();      // primitives and dot products of bfloat16: AVX512-BF16
bool matrix_tiles_available();  // AMX: primitives of bfloat16 have many times the speed of float32's
std::string instruction_set();  // "avx2": the best that oneDNN's primitives use here

}  // namespace dagfusion
