#include "tools/exchange/model_card.h"

#include <fmt/format.h>

namespace dagfusion {

namespace {

constexpr const char* kWithPipeline = R"(```python
from diffusers import DDIMPipeline
pipeline = DDIMPipeline.from_pretrained(".")
pipeline(batch_size=16, num_inference_steps=50, use_clipped_model_output=True).images[0].save("image.png")
```

`use_clipped_model_output=True` takes the noise of a step from the clipped image, as `ddim_step` of Dagfusion does; without
it images look a little different. `DDPMPipeline` runs it too.
)";

constexpr const char* kWithAncestral = R"(```python
from diffusers import DDPMPipeline
DDPMPipeline.from_pretrained(".")(batch_size=16).images[0].save("image.png")
```

The network also says how much noise each step adds (`variance_type`), which `DDIMPipeline` has no use for.
)";

constexpr const char* kScriptHead =
    R"("""Draws images from this model: python sample.py --count 16 --steps 50 --output images.npy

What is written is a NumPy array [count,H,W,C] of bytes.
"""
import argparse
import pathlib

import numpy
import torch
from diffusers import {scheduler}, UNet2DModel

HERE = pathlib.Path(__file__).parent
CLASSES = {classes}  # what the network was trained for
NULL_CLASS = {null_class}  # the row for images without a class


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=16)
    arguments.add_argument("--steps", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--classes", type=int, nargs="*", help="which to draw, in turn; all when not given")
    arguments.add_argument("--scale", type=float, default=1.0, help="of classifier-free guidance; 1 = none")
    arguments.add_argument("--noise", help="a .npy of [count,C,H,W] to begin with")
    arguments.add_argument("--output", default="images.npy")
    asked = arguments.parse_args()

    unet = UNet2DModel.from_pretrained(HERE / "unet").eval()
    scheduler = {scheduler}.from_pretrained(HERE / "scheduler")
    scheduler.set_timesteps({timesteps})
    size = unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    if asked.noise:
        x = torch.from_numpy(numpy.load(asked.noise)).float()
    else:
        shape = (asked.count, unet.config.in_channels, height, width)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(asked.seed))
    labels = None
    if CLASSES:
        wanted = asked.classes or list(range(len(CLASSES)))
        labels = torch.tensor([wanted[i % len(wanted)] for i in range(len(x))])

    def predicted(t):
        times = t.expand(len(x)){time_type}
        with_label = unet(x, times, class_labels=labels).sample
        if labels is None or asked.scale == 1 or NULL_CLASS is None:
            return with_label
        without = unet(x, times, class_labels=torch.full_like(labels, NULL_CLASS)).sample
        return without + asked.scale * (with_label - without)

    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(predicted(t), t, x{step_options}).prev_sample
    images = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    numpy.save(asked.output, images.permute(0, 2, 3, 1).numpy())


if __name__ == "__main__":
    main()
)";

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
}

std::string python_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    std::string quoted;
    for (const char c : name)
      if (static_cast<unsigned char>(c) >= ' ')
        quoted += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    list += (list.empty() ? "\"" : ", \"") + quoted + "\"";
  }
  return "[" + list + "]";
}

}  // namespace

bool needs_script(const Exported& model) { return model.flow || model.network.classes > 0; }

std::string sampling_script(const Exported& model) {
  std::string text = kScriptHead;
  const Network& network = model.network;
  replace_all(text, "{scheduler}", model.flow ? "FlowMatchEulerDiscreteScheduler" : "DDIMScheduler");
  replace_all(text, "{classes}", python_list(network.class_names));
  replace_all(text, "{null_class}",
              network.classes > 0 && network.null_class ? std::to_string(network.classes) : "None");
  // As `trailing`: times 1, (n-1)/n, ..., 1/n.
  replace_all(text, "{timesteps}",
              model.flow ? "sigmas=[1 - i / asked.steps for i in range(asked.steps)]" : "asked.steps");
  replace_all(text, "{time_type}", model.flow ? ".float()" : "");
  replace_all(text, "{step_options}", model.flow ? "" : ", use_clipped_model_output=True");
  return text;
}

std::string model_card(const Exported& model) {
  const Network& network = model.network;
  std::string card = fmt::format(
      "---\nlibrary_name: diffusers\ntags: [unconditional-image-generation, diffusion]\n---\n\n# A diffusion "
      "model trained with "
      "Dagfusion\n\nA U-Net of {} parameters for images of {}x{} pixels with {} channels, after {} steps of "
      "training "
      "(weights: {}).\n\n## Draw images\n\n",
      model.parameters, network.input[2], network.input[1], network.input[0], model.step, model.weights);
  if (needs_script(model))
    card += fmt::format(
        "```sh\npython sample.py --count 16 --steps 50 --output images.npy\n```\n\nNo pipeline of diffusers "
        "{}; the "
        "script does.\n",
        network.classes > 0 ? "passes labels to a UNet2DModel"
                            : "draws from a UNet2DModel that learned a flow");
  else
    card += model.learned_variance ? kWithAncestral : kWithPipeline;
  if (network.classes > 0) card += fmt::format("\n## Classes\n\n`{}`\n", python_list(network.class_names));
  if (!model.measures.empty())
    card += "\n## Measures at the end of the training\n\n```\n" + model.measures + "\n```\n";
  card += "\n## The pipeline that trained it\n\n```yaml\n" + model.pipeline + "```\n";
  return card;
}

}  // namespace dagfusion
