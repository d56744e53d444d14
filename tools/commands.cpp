#include "tools/commands.h"

namespace dagfusion {

// In the order of `run-pipeline --help`.
const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"check",
       "Checks a pipeline file and runs nothing: every fault at once, with the line it is about.",
       {"check pipelines/train.yaml", "check pipelines/train.yaml nodes.loss.type=mse_lost",
        "check pipelines/train.yaml --json"},
       check_command},
      {"nodes",
       "Lists the node types, and what each can stand in for.",
       {"nodes", "nodes --like loss", "nodes --like ddim_step", "nodes --json"},
       nodes_command},
      {"describe",
       "Tells the ports, parameters, paper and an example of a node type, or the keys of a section.",
       {"describe add_noise", "describe diffusion", "describe run"},
       describe_command},
      {"plan",
       "Tells in which order the tasks of a frame run, what keeps them in order, and where memory goes.",
       {"plan pipelines/train.yaml", "plan pipelines/train.yaml --tasks",
        "plan pipelines/train.yaml --slots"},
       plan_command},
      {"graph",
       "Draws a pipeline: for Graphviz, as SVG, or as a page for the browser.",
       {"graph pipelines/train.yaml --format html --output train.html",
        "graph pipelines/train.yaml --format svg --expand --output layers.svg",
        "graph pipelines/train.yaml --format svg --with-timings runs/train/001 --output times.svg"},
       graph_command},
      {"schema",
       "Writes a JSON Schema of pipeline files, with which editors complete and check them.",
       {"schema > pipeline.schema.json"},
       schema_command},
      {"bench", "Measures speed beside the cores' peak.", {"bench pipelines/train.yaml"}, bench_command},
  };
  return all;
}

}  // namespace dagfusion
