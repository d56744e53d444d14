// run-pipeline bench FILE: how fast a pipeline is, and how much of the cores' float32 peak it uses.
#pragma once

namespace dagfusion {

int bench(int argc, char** argv);

}  // namespace dagfusion
