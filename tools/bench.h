// run-pipeline bench FILE: how much of the cores' float32 peak a training pipeline uses.
#pragma once

namespace dagfusion {

int bench(int argc, char** argv);

}  // namespace dagfusion
