#include "graph/types/file_keys.h"

namespace dagfusion {

std::vector<Parameter> run_parameters() {
  return {
      {.name = "seed",
       .kind = Kind::integer,
       .doc = "key of every random number",
       .standard = std::int64_t{0},
       .minimum = 0},
      {.name = "steps", .kind = Kind::integer, .doc = "optimiser updates", .minimum = 1},
      {.name = "images",
       .kind = Kind::integer,
       .doc = "images to send through when nothing is trained",
       .minimum = 1},
      {.name = "batch_size",
       .kind = Kind::integer,
       .doc = "images per step",
       .minimum = 1,
       .maximum = 1 << 20},
      {.name = "micro_batch",
       .kind = Kind::text,
       .doc = "images per frame, or auto: from the shapes",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a number"},
      {.name = "gradient_groups",
       .kind = Kind::text,
       .doc = "parts of a step that processes may share, a power of two; results depend on it, not on the "
              "processes; "
              "auto: as many as there are processes",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a number"},
      {.name = "lanes",
       .kind = Kind::text,
       .doc = "frames inside the model at once, or auto",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a number"},
      {.name = "threads",
       .kind = Kind::text,
       .doc = "threads, or auto: the cores of this process",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a number"},
      {.name = "frames_in_flight",
       .kind = Kind::text,
       .doc = "frames that exist at once, or auto",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a number"},
      {.name = "rank_named",
       .kind = Kind::real,
       .doc = "seconds without a sign of life after which a process that shares the run is named",
       .standard = 60.0,
       .minimum = 1,
       .maximum = 1e6},
      {.name = "rank_ended",
       .kind = Kind::real,
       .doc = "seconds without a sign of life from one of them after which all are ended",
       .standard = 600.0,
       .minimum = 1,
       .maximum = 1e6},
      {.name = "memory",
       .kind = Kind::text,
       .doc = "what the run may take, like 800 MiB: recompute, and fewer images a frame where micro_batch is "
              "auto; auto: no limit but the machine's",
       .standard = std::string("auto"),
       .choices = {"auto"},
       .wanted = "auto or a size like 800 MiB or 1.5 GiB"},
      {.name = "precision",
       .kind = Kind::choice,
       .doc = "of activations and packed weights",
       .standard = std::string("float32"),
       .choices = {"float32", "bfloat16"}},
      {.name = "recompute",
       .kind = Kind::choice,
       .doc = "true: norms, activations and copies run again in the backward pass instead of being kept: "
              "less memory, a little more time, the same results; auto: where run.memory needs it",
       .standard = std::string("auto"),
       .choices = {"auto", "true", "false"}},
      {.name = "winograd",
       .kind = Kind::boolean,
       .doc = "3x3 convolutions by Winograd's algorithm where it is faster; false: directly",
       .standard = true},
      {.name = "output",
       .kind = Kind::text,
       .doc = "directory in which each run gets a numbered one",
       .standard = std::string()},
  };
}

std::vector<std::string> top_level_keys(const Catalog& catalog) {
  std::vector<std::string> keys = {"vars", "run", "model", "models", "nodes", "doc", "blocks", "plugins"};
  for (const SectionType& section : catalog.sections) keys.push_back(section.name);
  return keys;
}

}  // namespace dagfusion
