// What a process may still do once it reads what strangers made: compute, and answer on files that are open already.
#pragma once

#include <string>

namespace dagfusion {

// Takes everything else from this process for good: no file can be opened, no program started, no network reached. What
// the kernel has no means for is left out. Prints nothing.
void confine_this_process();

// What of it this kernel can do: "seccomp, landlock"; empty: nothing.
std::string means_of_confinement();

// What a user should know where something of it is missing; empty where nothing is.
std::string said_of_missing(const std::string& means);

}  // namespace dagfusion
