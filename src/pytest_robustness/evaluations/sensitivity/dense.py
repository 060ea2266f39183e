"""Models that begin with a dense layer, taken apart: that layer, and a quick copy of what comes behind it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.pytorch import TorchBackend
from pytest_robustness.classifiers.twins.heads import Scores
from pytest_robustness.classifiers.twins.transforms import Affine

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier

FEW = 16
"""Outputs up to which a layer is computed class by class."""


@dataclass(frozen=True, slots=True)
class Dense:
    """A model whose first layer is dense: weights (D, H), their sum over the pixels, bias (H,), and what comes behind.

    All in float32.
    """

    weight: Tensor
    total: Tensor
    bias: Tensor
    rest: nn.Module


@lru_cache(maxsize=2)
def dense_model(classifier: Classifier, pixels: int) -> Dense | None:
    """Return a classifier taken apart, where it is a chain of known layers that begins with a dense one."""
    backend = classifier.backend
    if type(backend) is not TorchBackend or backend.device != "cpu" or backend.outputs == "labels":
        return None
    if any(len(given) > 1 for given in (backend.prepare.mean, backend.prepare.std) if given is not None):
        return None
    if not _is_precise(backend.module):
        return None
    found = _first_dense(backend.module)
    if found is None or found[0].shape[0] != pixels:
        return None
    weight, bias, rest = found
    rows = weight.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    return Dense(rows, weight.sum(dim=0).float(), bias.to(torch.float32, copy=True), rest)


def _is_precise(module: nn.Module) -> bool:
    """Return whether a module computes in float32 or better: halves round too coarsely to be computed another way."""
    tensors = chain(module.parameters(), module.buffers())
    return all(t.dtype in {torch.float32, torch.float64} for t in tensors if t.is_floating_point())


def _first_dense(module: nn.Module) -> tuple[Tensor, Tensor, nn.Module] | None:
    """Return weight (D, H), bias (H,) and a copy of the layers behind."""
    leaves = _leaves(module)
    while leaves and type(leaves[0]) is nn.Flatten and (leaves[0].start_dim, leaves[0].end_dim) == (1, -1):
        leaves = leaves[1:]
    if not leaves:
        return None
    first, *behind = leaves
    if type(first) is Affine:
        weight, bias = first.weight.detach(), first.bias.detach()
    elif type(first) is nn.Linear:
        weight = first.weight.detach().T
        bias = weight.new_zeros(first.out_features) if first.bias is None else first.bias.detach()
    else:
        return None
    if bias.shape != weight.shape[1:]:
        return None
    return weight, bias, nn.Sequential(*map(_fused, behind)).eval()


class Fused(nn.Module):
    """x -> x @ weight.T + bias. A few outputs, as of the classes, are computed one by one: several times faster."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., D') of (..., D)."""
        if x.ndim != 2 or len(self.bias) > FEW:
            return nn.functional.linear(x, self.weight, self.bias)
        return torch.addmm(self.bias[:, None], self.weight, x.T).T


def _fused(layer: nn.Module) -> nn.Module:
    """Return an affine layer as one that is quicker, other layers as a copy."""
    if type(layer) is Affine and layer.bias.shape == layer.weight.shape[1:]:
        return Fused(layer.weight.T.float(), layer.bias.float())
    if type(layer) is nn.Linear and layer.bias is not None:
        own = copy.deepcopy(layer).float().requires_grad_(False)
        return Fused(own.weight, own.bias)
    return copy.deepcopy(layer).float()


def _leaves(module: nn.Module) -> list[nn.Module] | None:
    """Return the layers of a chain in their order; None where something in it may be no chain."""
    if module._forward_hooks or module._forward_pre_hooks:  # noqa: SLF001
        return None
    if type(module) is Scores:
        return _leaves(module.layers)
    if type(module) is nn.Sequential:
        parts = [_leaves(part) for part in module]
        return None if any(part is None for part in parts) else [leaf for part in parts for leaf in part or []]
    known = type(module).__module__.startswith(("torch.nn.modules.", "pytest_robustness.classifiers.twins."))
    return [module] if known else None
