"""Training steps of a PyTorch twin of our plain U-Net, a process of `benchmarks.training_step`.

Written by hand from the layer list of `components.training.networks.unet`; run by a Python that has PyTorch
and numpy and nothing of this project. Eager, with PyTorch's fused loss and optimizer kernels.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

_BLOCK_FILTERS = (8, 16, 32, 64)
_BOTTOM_FILTERS = 128
_NOISE = 0.1
_SMOOTH_PX = 1.0
# Keras' defaults, so that both optimizers do the same.
_RATE, _EPSILON = 1e-3, 1e-7


class TwinUNet(nn.Module):
    """RGB [N, 3, H, W] of 0-255 to logits [N, 1, H, W]."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_BLOCK_FILTERS)
        self.down = nn.ModuleList(map(_double_conv, inputs, _BLOCK_FILTERS))
        self.bottom = _double_conv(_BLOCK_FILTERS[-1], _BOTTOM_FILTERS)
        below = (_BOTTOM_FILTERS, *reversed(_BLOCK_FILTERS[1:]))
        self.up = nn.ModuleList(
            _double_conv(filters + skip, skip)
            for filters, skip in zip(below, reversed(_BLOCK_FILTERS), strict=True)
        )
        self.ship_logits = nn.Conv2d(_BLOCK_FILTERS[0], 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = image * (1 / 255)
        if self.training:
            x = x + torch.randn_like(x) * _NOISE
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2, mode="nearest"), skip], 1))
        return self.ship_logits(x)

    def take_weights(self, weights: list[np.ndarray]) -> None:
        """Take kernels [H, W, in, out] and biases, in the order of the layers."""
        own = list(self.parameters())
        with torch.no_grad():
            for parameter, weight in zip(own, weights, strict=True):
                turned = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(turned)))


def _double_conv(inputs: int, filters: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, filters):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def dice_bce(masks: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The loss of that name in `components.training.losses`."""
    ships = torch.sigmoid(logits)
    has_ship = (masks.amax((1, 2, 3)) > 0).float()
    crops = (has_ship * (1 - _dice_ratio(masks, ships, (1, 2, 3)))).sum() / has_ship.sum().clamp(min=1)
    dice = crops + 1 - _dice_ratio(masks, ships, (0, 1, 2, 3))
    return dice + functional.binary_cross_entropy_with_logits(logits, masks)


def _dice_ratio(masks: torch.Tensor, ships: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    overlap = (masks * ships).sum(axes)
    return (2 * overlap + _SMOOTH_PX) / (masks.sum(axes) + ships.sum(axes) + _SMOOTH_PX)


def main() -> None:
    """Command line; what is told to standard output and when is said in `benchmarks.training_step`."""
    parser = argparse.ArgumentParser(description="Training steps of a PyTorch U-Net, when asked for.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", choices=["channels_last", "default"], required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    torch.set_num_threads(arguments.cores)
    torch.manual_seed(0)
    layout = torch.channels_last if arguments.layout == "channels_last" else torch.contiguous_format
    images, masks = (
        [
            torch.from_numpy(batch)
            .float()
            .permute(0, 3, 1, 2)
            .contiguous(memory_format=layout)
            .to(arguments.device)
            for batch in np.load(arguments.folder / f"{part}.npy")
        ]
        for part in ("images", "masks")
    )
    network = TwinUNet().to(arguments.device, memory_format=layout)
    with np.load(arguments.folder / "weights.npz") as weights:
        network.take_weights([weights[name] for name in weights.files])
    _tell_likeness(network, images[0], masks[0], arguments.folder / f"{arguments.layout}.npy")
    optimizer = torch.optim.Adam(network.parameters(), _RATE, eps=_EPSILON, fused=True)
    network.train()
    step = 0
    for _ in range(arguments.rounds):
        sys.stdin.readline()
        started, cpu_started = time.perf_counter(), time.process_time()
        for _ in range(arguments.steps):
            batch = step % len(images)
            optimizer.zero_grad(set_to_none=True)
            loss = dice_bce(masks[batch], network(images[batch]))
            loss.backward()
            optimizer.step()
            # Ours looks at each loss too, to stop when it is no number.
            loss.item()
            step += 1
        _tell(seconds=time.perf_counter() - started, cpu_seconds=time.process_time() - cpu_started)


def _tell_likeness(network: TwinUNet, images: torch.Tensor, masks: torch.Tensor, file: Path) -> None:
    network.eval()
    with torch.no_grad():
        logits = network(images)
        loss = dice_bce(masks, logits).item()
    np.save(file, logits.permute(0, 2, 3, 1).cpu().numpy())
    parameters = sum(parameter.numel() for parameter in network.parameters())
    _tell(parameters=parameters, loss=loss, version=f"PyTorch {torch.__version__}")


def _tell(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
