"""Files of the weights of networks, which are stored as float16 and computed with as float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Network = TypeVar("Network", bound=nn.Module)


def empty(make: Callable[[], Network]) -> Network:
    """Return a network without weights: no random ones are drawn that would be replaced at once."""
    with torch.device("meta"):
        return make()


def rounded(model: Network) -> Network:
    """Round the weights to float16, in which they are stored, in place: what is returned is what is loaded later."""
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float().contiguous()
    return model


def save_halves(model: nn.Module, path: Path) -> None:
    """Write the weights as float16."""
    save_file({name: weight.half().contiguous() for name, weight in model.state_dict().items()}, path)


def load_weights(make: Callable[[], Network], path: Path) -> Network:
    """Return a network with stored weights, in evaluation mode; it computes with float32, however they are stored."""
    model = empty(make)
    model.load_state_dict({name: weight.float() for name, weight in load_file(path).items()}, assign=True)
    return model.eval()
