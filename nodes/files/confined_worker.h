// The other side of confined(): a process with one thread that starts workers, and the workers.
#pragma once

namespace dagfusion {

// Serves the program at the other end of this socket for as long as that one lives. `argv`: the command line.
[[noreturn]] void start_workers(int control, int argc, char** argv);

}  // namespace dagfusion
