// run-pipeline sweep: many runs of one pipeline that differ in what the section `sweep` says, and their report.
#pragma once

namespace dagfusion {

int sweep(int argc, char** argv);  // argv[0] is "sweep"; the exit status

}  // namespace dagfusion
