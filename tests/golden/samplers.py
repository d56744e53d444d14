# Writes what samplers of diffusers give for a model that is a formula, for tests/nodes/sampling/diffusers.cpp:
#   python3 -m venv --system-site-packages venv && venv/bin/pip install diffusers==0.27.2 'huggingface_hub<0.24'
#   venv/bin/python tests/golden/samplers.py
# epsilon(x, t) = 0.3 x + 0.1 sin(t / 100), x in the variance-preserving scale; linear schedule, 1000 timesteps.
import math

import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler,
                       LMSDiscreteScheduler, UniPCMultistepScheduler)


def epsilon(x, t):
    return 0.3 * x + 0.1 * math.sin(float(t) / 100)


def walk(name, scheduler, steps):
    scheduler.set_timesteps(steps)
    exploding = hasattr(scheduler, "scale_model_input") and hasattr(scheduler, "init_noise_sigma") and \
        float(scheduler.init_noise_sigma) > 1.5
    x = torch.tensor([[1.0, -0.7, 0.2]], dtype=torch.float64)
    if exploding:  # the same start: x / alpha
        sigma = float(scheduler.sigmas[0])
        x = x * math.sqrt(1 + sigma * sigma)
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t)
        x = scheduler.step(epsilon(seen, t), t, x).prev_sample
    print(name, steps, "t:", [round(float(t), 4) for t in scheduler.timesteps][:4], "x:",
          ", ".join(f"{v:.7f}" for v in x.flatten().tolist()))


common = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
walk("ddim", DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True, timestep_spacing="leading"), 10)
for solver in ("midpoint", "heun"):
    walk("dpmpp_2m " + solver,
         DPMSolverMultistepScheduler(**common, solver_order=2, solver_type=solver, timestep_spacing="leading"), 20)
walk("unipc", UniPCMultistepScheduler(**common, solver_order=2, timestep_spacing="leading", lower_order_final=False), 10)
walk("euler", EulerDiscreteScheduler(**common, timestep_spacing="leading"), 10)
walk("heun", HeunDiscreteScheduler(**common, timestep_spacing="leading"), 10)
walk("euler karras", EulerDiscreteScheduler(**common, use_karras_sigmas=True), 10)

lms = LMSDiscreteScheduler(**common, timestep_spacing="leading")
lms.set_timesteps(10)
x = torch.tensor([[1.0, -0.7, 0.2]], dtype=torch.float64) * math.sqrt(1 + float(lms.sigmas[0]) ** 2)
for t in lms.timesteps[:9]:  # the step to the clean image is another there
    x = lms.step(epsilon(lms.scale_model_input(x, t), t), t, x, order=3).prev_sample
print("lms", (x / math.sqrt(1 + float(lms.sigmas[9]) ** 2)).tolist())
