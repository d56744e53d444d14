// What a user sees: a summary before the run, progress during it, a report at the end.
#pragma once

#include <cstdio>
#include <vector>

#include "tools/launch/launch.h"

namespace dagfusion {

void say_before(const Launch&);
void say_after(const Launch&, const Report&);

// Runs, with its progress on the screen, or line by line in a file; Ctrl-C stops it.
Report run_on_screen(Run&, std::FILE* lines = stdout);

// Images a second that so many threads could bring to the model if they did nothing else,
// by the time the nodes in front of it took for so many images; 0 when there is no model.
double data_rate(const std::vector<TaskTime>&, double images, int threads);

}  // namespace dagfusion
