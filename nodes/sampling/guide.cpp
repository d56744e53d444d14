// guide: calls the model for a class and without one, and goes beyond: classifier-free guidance as one node.
// Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv:2207.12598; the interval: Kynkäänniemi et al. 2024,
// "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality", arXiv:2404.07724, eq. 5; a second
// model: Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself", arXiv:2406.02507, eq. 4.
//
//   c = model(x, t, label) ;  u = model(x, t, -1), of no class ;  prediction = guidance(c, u)
//   with `reference`: u = reference(x, t, label), a smaller or less trained model (autoguidance); also without classes
//   where t is outside the interval: prediction = c, and the second call is left out
//
// Both calls of a step of heun_step follow the time at which it starts: the second one gets `t_step: each.t`.
// x: [N,C,H,W]; t: [N]; label: [N], class of each image, -1 = none. It stands for two nodes of type `model`, the second
// behind a `drop_label`, one `guidance_interval` and one `guidance`, which can be wired by hand as well.

#include "graph/types/catalog.h"
#include "nodes/sampling/guidance.h"

namespace dagfusion {
namespace {

void give(Builder& b, Wire prediction, Wire difference) {
  b.output("prediction", prediction);
  b.output("difference", difference);
}

void expand(Builder& b) {
  const Parameters& p = b.parameters();
  const Wire x = b.input("x"), t = b.input("t"), label = b.input("label");
  if (!b.has_input("label") && !p.has("reference"))
    p.fail(
        "input 'label' is not wired, and 'reference' names no weaker model; one of them says what to guide "
        "away from");
  const Wire conditional =
      b.call_model("conditional", {.model = p.text("model")}, {{"x", x}, {"t", t}, {"label", label}});
  if (b.broken(conditional)) return give(b, conditional, conditional);
  Builder::ModelCall without{.model = p.text(p.has("reference") ? "reference" : "model")};
  if (p.has("interval")) {
    const Wire decides = b.has_input("t_step") ? b.input("t_step") : t;
    without.when =
        b.add("interval", "guidance_interval", {{"t", decides}}, {{"interval", p.reals("interval")}});
    without.otherwise = conditional;
    if (b.broken(without.when)) return give(b, without.when, without.when);
  }
  const Wire its_label = p.has("reference")
                             ? label
                             : b.add("no_class", "drop_label", {{"label", label}}, {{"probability", 1.0}});
  const Wire unconditional =
      b.call_model("unconditional", without, {{"x", x}, {"t", t}, {"label", its_label}});
  std::map<std::string, Setting> settings;
  for (const Parameter& own : guidance_parameters()) settings[own.name] = p.setting(own.name);
  const Wire guided = b.add("guidance", "guidance",
                            {{"conditional", conditional},
                             {"unconditional", unconditional},
                             {"index", b.input("index")},
                             {"difference_before", b.input("difference_before")}},
                            settings);
  give(b, guided, b.port(guided, "difference"));
}

std::vector<Parameter> parameters() {
  std::vector<Parameter> all = guidance_parameters();
  all.push_back({.name = "interval",
                 .kind = Kind::reals,
                 .doc = "where to guide, as noise sigma / alpha of x / alpha: above the first number, up to "
                        "the second; everywhere when not given"});
  all.push_back({.name = "model",
                 .kind = Kind::text,
                 .doc = "name of the model in the file",
                 .standard = std::string("model"),
                 .wanted = "the name of a model"});
  all.push_back({.name = "reference",
                 .kind = Kind::text,
                 .doc =
                     "name of a weaker model to guide away from, which sees the same label; the model itself "
                     "without a class when not given",
                 .wanted = "the name of a model"});
  return all;
}

}  // namespace

NodeType guide() {
  return {
      .name = "guide",
      .summary = "Calls the model with and without the class and goes beyond: classifier-free guidance.",
      .paper =
          "Ho and Salimans 2022, arXiv:2207.12598; Kynkäänniemi et al. 2024, arXiv:2404.07724, eq. 5; "
          "Karras et al. 2024, arXiv:2406.02507, eq. 4",
      .example = "{type: guide, in: {x: carry.x, each: each, label: label}, scale: 3}",
      .role = Role::composite,
      .inputs = {{"x", "[N,C,H,W] f32", "noisy images"},
                 {"t", "[N] f32", "time of each image"},
                 {.name = "label",
                  .spec = "[N] i32",
                  .doc = "class of each image, -1 = none; not needed with `reference`",
                  .optional = true},
                 {.name = "t_step",
                  .spec = "[N] f32",
                  .doc =
                      "time that says whether the interval holds: of a step with two calls; t when not wired",
                  .optional = true},
                 {.name = "index",
                  .spec = "[] i32",
                  .doc = "iteration of the loop, for zero_steps",
                  .optional = true},
                 {.name = "difference_before",
                  .spec = "[N,D,H,W] f32",
                  .doc = "`difference` of the iteration before, for momentum; zeros at first",
                  .optional = true}},
      .outputs = {{"prediction", "[N,D,H,W] f32", "what a sampler's step takes"},
                  {"difference", "[N,D,H,W] f32",
                   "between the predictions with and without the class, and the momentum"}},
      .parameters = parameters(),
      .expand = expand};
}

}  // namespace dagfusion
