"""Prints what torch.optim.AdamW makes of five weights in three updates: the golden numbers of adam_update.cpp."""
import torch

for settings in [{}, {"weight_decay": 0.1}, {"betas": (0.8, 0.95), "eps": 1e-3}]:
    w = torch.tensor([0.5, -1.0, 2.0, 0.0, 0.25], requires_grad=True)
    adam = torch.optim.AdamW([w], lr=0.1, **{"weight_decay": 0.0, **settings})
    for step in range(3):
        w.grad = torch.tensor([1.0, -2.0, 0.5, 0.0, 1e-3]) * (step + 1) * (-1) ** step
        adam.step()
    print(settings, [f"{x:.9g}" for x in w.tolist()], adam.state[w]["exp_avg"].tolist())
