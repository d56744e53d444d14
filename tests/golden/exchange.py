"""Writes exchange/: small networks of other programs with random weights, and what they compute.

Run with: python3 tests/golden/exchange.py IMPROVED_DIFFUSION GUIDED_DIFFUSION DDIM EDM DDP (diffusers 0.27.2, PyTorch 1.13; DDP:
PyTorch 2.15 and einops), five clones of https://github.com/openai/improved-diffusion, https://github.com/openai/guided-diffusion,
https://github.com/ermongroup/ddim, https://github.com/NVlabs/edm and https://github.com/lucidrains/denoising-diffusion-pytorch;
"-" leaves the networks of one out. Norms of the first three have 32 groups; here they get GROUPS, so that networks can be small.

Of each network: its tensors as it saves them, in 16 bits where that is usual, and io.safetensors with x, t, y (and label).
Weights are rounded to 16 bits before y is computed.
"""
import argparse
import collections
import importlib
import json
import pathlib
import sys
import types

import safetensors.torch
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "exchange"
GROUPS, SIZE, IMAGES = 4, 16, 2


def fill(net):
    """Values at which nothing is zero, one or symmetric, exact in 16 bits."""
    for name, value in net.named_parameters():
        if value.dim() > 1:
            nn.init.normal_(value, std=1.2 / value[0].numel() ** 0.5)
        else:
            nn.init.normal_(value, mean=1.0 if "norm" in name or name.endswith("0.weight") else 0.0, std=0.2)
        value.data = value.data.half().float()
    return net.eval()


def inputs(channels=3, classes=0):
    values = {"x": torch.randn(IMAGES, channels, SIZE, SIZE), "t": torch.tensor([3.0, 777.0])}
    if classes:
        values["label"] = torch.tensor([classes - 1.0, 0.0])
    return values


def write_io(folder, values, **outputs):
    values = {name: value.detach().float().contiguous() for name, value in {**values, **outputs}.items()}
    safetensors.torch.save_file(values, str(folder / "io.safetensors"))


def new_folder(name):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def halves(state):
    return collections.OrderedDict((name, value.half()) for name, value in state.items())


def of_diffusers(name, classes=0, vectors=0, old_names=False, **config):
    from diffusers import UNet2DModel

    torch.manual_seed(len(name))
    folder = new_folder(name)
    net = fill(UNet2DModel(sample_size=SIZE, norm_num_groups=GROUPS, num_class_embeds=classes or None, **config))
    given = inputs(classes=classes)
    labels = {"class_labels": given["label"].long()} if classes else {}
    if vectors:
        labels["class_labels"] = given["augment"] = torch.randn(IMAGES, vectors)
    write_io(folder, given, y=net(given["x"], given["t"], **labels).sample)
    net.save_config(folder)
    state = halves(net.state_dict())
    if not old_names:
        return safetensors.torch.save_file(state, str(folder / "diffusion_pytorch_model.safetensors"), {"format": "pt"})
    for new, old in {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}.items():
        state = collections.OrderedDict((key.replace(f".{new}.", f".{old}."), value) for key, value in state.items())
    torch.save(state, folder / "diffusion_pytorch_model.bin")


def google(name, **more):
    """The settings of google/ddpm-cifar10-32 and its sisters."""
    of_diffusers(name, attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6,
                 layers_per_block=2, block_out_channels=(8, 16), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                 up_block_types=("AttnUpBlock2D", "UpBlock2D"), **more)
    config = {"_class_name": "DDPMScheduler", "_diffusers_version": "0.0.4", "beta_end": 0.02, "beta_schedule": "linear",
              "beta_start": 0.0001, "clip_sample": True, "num_train_timesteps": 1000, "trained_betas": None,
              "variance_type": "fixed_large"}
    (FOLDER / name / "scheduler_config.json").write_text(json.dumps(config, indent=2) + "\n")


def all_of_diffusers():
    google("diffusers_google")
    google("diffusers_old_names", old_names=True)
    of_diffusers("diffusers_film", classes=3, attention_head_dim=4, resnet_time_scale_shift="scale_shift",
                 downsample_type="resnet", upsample_type="resnet", layers_per_block=1, block_out_channels=(8, 16),
                 down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
                 up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D"))
    of_diffusers("diffusers_plain", add_attention=False, attention_head_dim=8, layers_per_block=1,
                 block_out_channels=(8, 8, 24), down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
                 up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"))
    of_diffusers("diffusers_norms", attention_head_dim=8, attn_norm_num_groups=GROUPS, layers_per_block=1,
                 resnet_time_scale_shift="scale_shift", block_out_channels=(8, 16),
                 down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"))
    rest_of_diffusers()


def rest_of_diffusers():
    """Keys that few configurations have (diffusers 0.42)."""
    of_diffusers("diffusers_uneven", classes=3, act_fn="mish", attention_head_dim=4, class_embed_type="timestep",
                 layers_per_block=1, mid_block_scale_factor=2 ** 0.5, time_embedding_dim=24, downsample_type="resnet",
                 block_out_channels=(8, 12, 16), down_block_types=("AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
                 up_block_types=("ResnetUpsampleBlock2D", "AttnUpBlock2D", "UpBlock2D"))
    of_diffusers("diffusers_vectors", vectors=20, act_fn="gelu", attention_head_dim=8, attn_norm_num_groups=2, layers_per_block=1,
                 center_input_sample=True, class_embed_type="identity", time_embedding_dim=20, block_out_channels=(8,),
                 down_block_types=("DownBlock2D",), up_block_types=("AttnUpBlock2D",))
    of_diffusers("diffusers_no_middle", act_fn="relu", mid_block_type=None, layers_per_block=1, block_out_channels=(8, 16),
                 down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"))


def import_from(clone, package):
    """The package of a clone, without what its training needs."""
    sys.path.insert(0, str(clone))
    sys.modules.setdefault("mpi4py", types.SimpleNamespace(MPI=None))
    module = __import__(f"{package}.unet", fromlist=["unet"])
    norm = __import__(f"{package}.nn", fromlist=["nn"]).GroupNorm32
    module.normalization = lambda channels: norm(GROUPS, channels)
    sys.path.pop(0)
    return module


def of_openai(name, module, classes=0, orders=(), **config):
    torch.manual_seed(len(name))
    folder = new_folder(name)
    given = inputs(classes=classes)
    labels = {"y": given["label"].long()} if classes else {}
    outputs, state = {}, None
    for order in orders or (None,):
        more = {} if order is None else {"use_new_attention_order": order == "new"}
        net = module.UNetModel(num_classes=classes or None, in_channels=3, model_channels=8, out_channels=6,
                               channel_mult=(1, 2), num_res_blocks=2, attention_resolutions=(2,), **more, **config)
        if state is None:
            state = fill(net).state_dict()
        net.load_state_dict(state)
        net.eval()
        outputs["y" if order is None else f"y_{order}"] = net(given["x"], given["t"], **labels)
    write_io(folder, given, **outputs)
    torch.save(halves(state), folder / "model.pt")


def of_ermongroup(clone):
    sys.path.insert(0, str(clone))
    from models import diffusion

    diffusion.Normalize = lambda channels: nn.GroupNorm(GROUPS, channels, eps=1e-6)
    model = types.SimpleNamespace(type="simple", ch=8, out_ch=3, ch_mult=(1, 2), num_res_blocks=2, attn_resolutions=[8],
                                  dropout=0.0, in_channels=3, resamp_with_conv=True)
    config = types.SimpleNamespace(model=model, data=types.SimpleNamespace(image_size=SIZE),
                                   diffusion=types.SimpleNamespace(num_diffusion_timesteps=1000))
    torch.manual_seed(5)
    net = fill(diffusion.Model(config))
    given = inputs()
    folder = new_folder("ddpm_original")
    write_io(folder, given, y=net(given["x"], given["t"]))
    state = halves(net.state_dict())
    twice = {name: value * 2 for name, value in state.items()}
    torch.save([twice, {"state": {}, "param_groups": []}, 3, 700, state], folder / "ckpt.pth")  # live, optimiser, average


def of_edm(clone):
    """Its networks as EDMPrecond saves them; heads of the ADM get 4 channels in place of 64."""
    persistence = types.SimpleNamespace(persistent_class=lambda kind: kind)
    sys.modules["torch_utils"] = types.SimpleNamespace(persistence=persistence)
    sys.path.insert(0, str(clone))
    from training import networks

    class NarrowHeads(networks.UNetBlock):
        def __init__(self, channels_per_head=64, **more):
            super().__init__(channels_per_head=4, **more)

    networks.UNetBlock = NarrowHeads
    classes, augment = 3, 9
    for name, net, config in (("edm_ddpmpp", "SongUNet", {"channel_mult": [2, 2], "label_dim": classes, "augment_dim": augment}),
                              ("edm_plain", "SongUNet", {"channel_mult": [1, 3]}),
                              ("edm_adm", "DhariwalUNet", {"channel_mult": [1, 2], "label_dim": classes, "augment_dim": augment})):
        torch.manual_seed(len(name))
        model = fill(getattr(networks, net)(img_resolution=SIZE, in_channels=3, out_channels=3, model_channels=8, num_blocks=2,
                                            attn_resolutions=[8], **config))
        given, labels = inputs(), {"class_labels": None}
        if "label_dim" in config:
            given["label"] = torch.tensor([-1.0, 2.0])  # -1: none
            given["augment"] = torch.randn(IMAGES, augment)
            one_hot = torch.stack([torch.zeros(classes), torch.eye(classes)[2]])
            labels = {"class_labels": one_hot, "augment_labels": given["augment"]}
        folder = new_folder(name)
        write_io(folder, given, y=model(given["x"], given["t"], **labels))
        torch.save(collections.OrderedDict(("model." + key, value) for key, value in halves(model.state_dict()).items()),
                   folder / "model.pt")


class Anything(types.ModuleType):
    """Stands in for what only its training needs."""

    def __getattr__(self, name):
        return Anything(name) if not name.startswith("__") else super().__getattribute__(name)


def of_denoising_diffusion_pytorch(clone):
    """A milestone of its Trainer: the live network, the average, and a part of an optimiser's state."""
    for name in ("torchvision", "scipy", "scipy.optimize", "PIL", "tqdm", "tqdm.auto", "ema_pytorch", "accelerate"):
        sys.modules[name] = Anything(name)
    package = Anything("denoising_diffusion_pytorch")
    package.__path__ = [str(clone / "denoising_diffusion_pytorch")]
    sys.modules[package.__name__] = package
    theirs = importlib.import_module("denoising_diffusion_pytorch.denoising_diffusion_pytorch")

    torch.manual_seed(6)
    net = theirs.Unet(8, dim_mults=(1, 2, 3), attn_heads=2, attn_dim_head=6, full_attn=(False, True, True))
    fill(net)
    given = inputs()
    folder = new_folder("denoising_diffusion_pytorch")
    write_io(folder, given, y=net(given["x"], given["t"]))
    whole = theirs.GaussianDiffusion(net, image_size=SIZE, timesteps=20)
    average = halves(whole.state_dict())
    live = collections.OrderedDict((name, value * 2) for name, value in average.items())
    state = {"state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    ema = {"initted": torch.tensor([True]), "step": torch.tensor([7])}
    ema.update(("ema_model." + name, value) for name, value in average.items())
    torch.save({"step": 7, "model": live, "opt": state, "ema": ema, "scaler": None, "version": "2.2.5"}, folder / "model-1.pt")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("improved", "guided", "ddim", "edm", "ddp"):
        arguments.add_argument(name, type=pathlib.Path)
    clones = arguments.parse_args()
    if str(clones.edm) != "-":
        of_edm(clones.edm)
    if str(clones.ddp) != "-":
        of_denoising_diffusion_pytorch(clones.ddp)
    if str(clones.improved) == "-":
        return
    all_of_diffusers()
    improved, guided = import_from(clones.improved, "improved_diffusion"), import_from(clones.guided, "guided_diffusion")
    of_openai("openai_iddpm", improved, num_heads=4, use_scale_shift_norm=True)
    of_openai("openai_shift", improved, classes=3, num_heads=1)
    of_openai("openai_adm", guided, classes=3, orders=("legacy", "new"), image_size=SIZE, num_head_channels=4,
              use_scale_shift_norm=True, resblock_updown=True)
    of_ermongroup(clones.ddim)


if __name__ == "__main__":
    main()
