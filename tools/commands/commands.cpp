#include "tools/commands/commands.h"

namespace dagfusion {

// In the order of `run-pipeline --help`.
const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"init",
       "Writes a project to start from: pipelines that train, draw, pack pictures and compare, with "
       "comments, a schema for "
       "editors, and .gitignore. Overwrites nothing.",
       {"init", "init my_project"},
       init_command},
      {"check",
       "Checks a pipeline file and runs nothing: every fault at once, with the line it is about.",
       {"check pipelines/train.yaml", "check pipelines/train.yaml nodes.loss.type=mse_lost",
        "check pipelines/train.yaml --json"},
       check_command},
      {"nodes",
       "Lists the node types, and what each can stand in for.",
       {"nodes", "nodes --like loss", "nodes --like ddim_step", "nodes --manual", "nodes --json"},
       nodes_command},
      {"describe",
       "Shows the ports, parameters, paper and an example of a node type, or the keys of a section.",
       {"describe add_noise", "describe diffusion", "describe run"},
       describe_command},
      {"plan",
       "Shows in which order the tasks of a frame run, what keeps them in order, and where memory goes.",
       {"plan pipelines/train.yaml", "plan pipelines/train.yaml --tasks",
        "plan pipelines/train.yaml --slots"},
       plan_command},
      {"graph",
       "Draws a pipeline: for Graphviz, as SVG, or as a page for the browser.",
       {"graph pipelines/train.yaml --format html --output train.html",
        "graph pipelines/train.yaml --format svg --depth 1 --output blocks.svg",
        "graph pipelines/train.yaml --format svg --expand --output layers.svg",
        "graph pipelines/train.yaml --format svg --with-timings runs/train/001 --output times.svg"},
       graph_command},
      {"schedule",
       "Shows the noise process of a pipeline: alpha, sigma, beta and signal-to-noise ratio over time, as a "
       "table, as "
       "CSV and as curves.",
       {"schedule pipelines/train.yaml",
        "schedule pipelines/train.yaml diffusion.schedule=linear --svg linear.svg",
        "schedule pipelines/train_flow.yaml --csv"},
       schedule_command},
      {"resolve",
       "Writes the pipeline with all it extends and its variables put in, and where each value came from.",
       {"resolve pipelines/ablate.yaml", "resolve pipelines/train.yaml run.steps=9"},
       resolve_command},
      {"diff",
       "Shows what differs between two pipelines: nodes swapped, wires, values, size.",
       {"diff pipelines/train.yaml pipelines/train_images.yaml",
        "diff runs/train/001/pipeline.yaml pipelines/train.yaml"},
       diff_command},
      {"evaluate",
       "Draws images from a checkpoint and measures them beside real ones: Fréchet and kernel distance, "
       "precision and "
       "recall, Inception score; one table, evaluation.json, evaluation.csv.",
       {"evaluate runs/train", "evaluate runs/train --data images.h5 --images 5000",
        "evaluate runs/train --data images.h5 --inception classify_image_graph_def.pb --images 50000"},
       evaluate_command},
      {"data",
       "Shows what is in a data set: sizes, classes with counts, mean and deviation, duplicates, what is "
       "damaged or left "
       "out. Every picture is read, every checksum looked at.",
       {"data images.h5", "data my_pictures --sheet sheet.png", "data images.h5 --html data.html",
        "data images.h5 --json"},
       data_command},
      {"import",
       "Makes a checkpoint of a network of another program, from which images are drawn and training goes "
       "on: diffusers' "
       "UNet2DModel, OpenAI's improved-diffusion and guided-diffusion, and the original DDPM in PyTorch. No "
       "code of the "
       "files is run.",
       {"import ddpm-cifar10-32", "import ema_0.9999_500000.pt --size 32 diffusion.schedule=cosine",
        "import model.ckpt --size 256 --part ema. --output runs/church"},
       import_command},
      {"export",
       "Writes a trained network for another program: a folder that diffusers' DDPMPipeline and DDIMPipeline "
       "run "
       "unchanged, or a file of ONNX.",
       {"export runs/train my_model", "export runs/train unet.onnx --format onnx",
        "export runs/train/001/checkpoints/step-000800 my_model --weights live"},
       export_command},
      {"runs",
       "Lists the runs below a folder: state, steps, last loss, time, size.",
       {"runs", "runs runs/train --json"},
       runs_command},
      {"watch",
       "Follows a run from another terminal until it ends: progress, losses as a line, the last preview.",
       {"watch runs/train", "watch runs/train/001 --json"},
       watch_command},
      {"report",
       "Shows a run on one page that needs no network: curves, previews, noise, pipeline, times, machine. "
       "Several runs are "
       "laid over each other, with what differs. Each training writes its own.",
       {"report runs/train", "report runs/train/001 runs/train/002 --output both.html"},
       report_command},
      {"sweep",
       "Runs a pipeline in all the ways that its section 'sweep' names, and compares them in pairs of equal "
       "seeds: a table, "
       "report.csv, and report.html with loss curves and samples. Every cell is checked before the first one "
       "runs.",
       {"sweep pipelines/ablate.yaml", "sweep pipelines/ablate.yaml --list",
        "sweep pipelines/ablate.yaml --resume"},
       sweep_command},
      {"verify",
       "Runs a pipeline on other numbers of threads, and names the first value that differs by a bit.",
       {"verify pipelines/train.yaml --steps 2 --threads 1,2,4"},
       verify_command},
      {"run-node",
       "Runs one node alone on arrays that NumPy saved, and saves what it gives.",
       {"run-node huber_loss --in prediction=p.npy --in target=t.npy delta=0.1",
        "run-node runs/train/001/records/step-000010/loss"},
       run_node_command},
      {"completion",
       "Writes the completions of a shell.",
       {"completion bash > ~/.local/share/bash-completion/completions/run-pipeline",
        "completion zsh > _run-pipeline", "completion fish > ~/.config/fish/completions/run-pipeline.fish"},
       completion_command},
      {"man",
       "Writes the manual page.",
       {"man | man -l -", "man > ~/.local/share/man/man1/run-pipeline.1"},
       man_command},
      {"schema",
       "Writes a JSON Schema of pipeline files, with which editors complete and check them.",
       {"schema > pipeline.schema.json", "schema --of mine.yaml > mine.schema.json"},
       schema_command},
      {"bench",
       "Measures speed beside the cores' peak; with --ranks, that of several processes and how long they "
       "wait for each "
       "other.",
       {"bench pipelines/train.yaml", "bench pipelines/train.yaml --ranks 2"},
       bench_command,
       true},
  };
  return all;
}

}  // namespace dagfusion
