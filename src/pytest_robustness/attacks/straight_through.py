"""Slopes for steps: how to follow the gradient of a model that rounds.

Backward pass differentiable approximation (Athalye, Carlini and Wagner 2018, arXiv:1802.00420, section 4.1): the
forward pass is left as it is, and on the way back what has a slope of zero almost everywhere is taken for the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    _Rule = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def straight_through() -> AbstractContextManager[object]:
    """Return a context in which rounding, casts to integers and comparisons pass gradients through.

    The values that a model computes stay the same to the bit. Its gradients change:

    - ``round``, ``floor``, ``ceil``, ``trunc``, ``fix`` and ``sign`` (functions, methods, and in place) have the slope
      of the identity;
    - so has a cast to integers, and the arithmetic, bit masks, shifts and reshaping of these integers have the slope
      that they would have for real numbers, until a cast or a real number ends them: ``(x * 15).byte().float()``;
    - a comparison, ``x > threshold`` or ``torch.heaviside``, has the slope ``1 / (1 + |x - threshold|) ** 2`` of a
      smooth step (Zenke and Ganguli 2018, arXiv:1705.11146) where its result is cast to numbers, and where it
      chooses or masks constants: ``torch.where(x > 0.5, 1.0, 0.0)``, but not ``x * (x > 0)``, which has its own slope.

    What a model does outside of torch, in a traced or exported program, under ``torch.no_grad`` or behind ``detach``
    stays out of reach, and so does the index of an ``argmax``.

    Examples
    --------
    >>> import torch
    >>> pixel = torch.tensor([0.3], requires_grad=True)
    >>> with straight_through():
    ...     (pixel * 15).round().sum().backward()
    >>> pixel.grad
    tensor([15.])
    """
    return _StraightThrough()


class _StraightThrough(TorchFunctionMode):
    """Sees every call of a torch function or method from Python, and puts another slope on some of them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, by its rule where there is one."""
        kwargs = kwargs or {}
        if not torch.is_grad_enabled() or not any(map(_has_slope, _flat(args))):
            return func(*args, **kwargs)
        rule: _Rule = _RULES.get(getattr(func, "__name__", ""), _plain)
        return rule(func, args, kwargs)


class _Pass(torch.autograd.Function):
    """The value of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, source: Tensor) -> Tensor:  # noqa: ARG004
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ARG004
        return None, gradients[0]


def _passed(value: Tensor, source: Tensor) -> Tensor:
    """Return `value` with the gradient of `source`."""
    return cast("Tensor", _Pass.apply(value.detach(), source.expand_as(value)))  # type: ignore[no-untyped-call]


# Integers and booleans cannot carry a gradient. They carry the real number that they stand for as an attribute, their
# source: what follows it through the arithmetic of integers has a slope, and the next real number gets that slope.


def _source(value: Any) -> Any:
    """Return the real number behind an integer or boolean tensor where there is one; anything else as it is."""
    if isinstance(value, list | tuple):
        return [_source(one) for one in value]
    return getattr(value, "_slope_of", value)


def _stands(value: Any) -> bool:
    return isinstance(value, Tensor) and hasattr(value, "_slope_of")


def _has_slope(value: Any) -> bool:
    return isinstance(value, Tensor) and (value.requires_grad or hasattr(value, "_slope_of"))


def _flat(args: tuple[Any, ...]) -> list[Any]:
    return [one for value in args for one in (value if isinstance(value, list | tuple) else [value])]


def _standing_for(value: Any, source: Tensor) -> Any:
    """Give a result the slope of a source: at once where it is real, else to be carried along."""
    if value.is_floating_point():
        return _passed(value, source.to(value.dtype))
    value._slope_of = source  # noqa: SLF001
    return value


def _plain(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


def _round(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Round, floor, sign and the like: the slope of the identity."""
    return _standing_for(func(*args, **kwargs), _source(args[0]))


def _round_in_place(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    here = args[0]
    if not here.requires_grad:
        return func(*args, **kwargs)
    there = here.clone()
    return here.copy_(_passed(func(here.detach().clone(), *args[1:], **kwargs), there))


def _divide(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Divide: with rounding, the slope of the division without."""
    if kwargs.get("rounding_mode") is None and func.__name__ not in _FLOOR_DIVISIONS:
        return _arithmetic(func, args, kwargs)
    one, other = _source(args[0]), _source(args[1])
    return _standing_for(func(*args, **kwargs), other / one if func.__name__ == "__rfloordiv__" else one / other)


def _cast(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Cast: from a real number to an integer the source is kept, from an integer to a real number its slope returns."""
    value = func(*args, **kwargs)
    if not isinstance(value, Tensor) or value is args[0] or value.requires_grad or value.dtype == torch.bool:
        return value
    return _standing_for(value, _source(args[0]).to(value.device))


def _compare(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Greater, less: a smooth step that rises with the larger side."""
    one, other = _source(args[0]), _source(args[1])
    rises = func.__name__.strip("_").startswith("g")
    return _standing_for(func(*args, **kwargs), _smooth_step(one - other if rises else other - one))


def _heaviside(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Its values at zero have no derivative in torch, so they may not ask for one.
    with torch.no_grad():
        value = func(*args, **kwargs)
    return _standing_for(value, _smooth_step(_source(args[0])))


def _smooth_step(difference: Tensor) -> Tensor:
    """Return a function with the slope ``1 / (1 + |d|) ** 2``."""
    return difference / (1 + difference.abs())


def _where(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Choose between constants: the slope of the condition times what it changes. Other choices have their own."""
    value = func(*args, **kwargs)
    if len(args) != 3 or not _stands(args[0]) or value.requires_grad or not value.is_floating_point():
        return value
    yes, no = (torch.as_tensor(one, device=value.device).detach() for one in args[1:])
    return _passed(value, _source(args[0]) * (yes - no))


def _arithmetic(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Anything that means the same for integers and for real numbers; also a change of shape."""
    value = func(*args, **kwargs)
    if not isinstance(value, Tensor) or not any(map(_stands, _flat(args))):
        return value
    if not value.is_floating_point():
        return _standing_for(value, func(*[_source(one) for one in args], **kwargs))
    if value.requires_grad and all(one.dtype == torch.bool for one in _flat(args) if _stands(one)):
        return value  # a mask on numbers that have a slope, as in x * (x > 0): that is the true one
    # Made real before the operation, so that what else takes part in it keeps its own slope.
    return _passed(value, func(*[_made_real(one, value.dtype) for one in args], **kwargs))


def _made_real(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, list | tuple):
        return [_made_real(one, dtype) for one in value]
    return _standing_for(value.to(dtype), _source(value)) if _stands(value) else value


def _bits(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Masks and shifts of integers: a mask has the slope of the identity, a shift that of a power of two."""
    value = func(*args, **kwargs)
    if not _stands(args[0]):
        return value
    source, shift = _source(args[0]), func.__name__
    if "shift" in shift:
        source = source * 2.0 ** args[1] if shift in _LEFT else source / 2.0 ** args[1]
    return _standing_for(value, source)


_FLOOR_DIVISIONS = {"floor_divide", "__floordiv__", "__rfloordiv__"}
_LEFT = {"__lshift__", "bitwise_left_shift"}
_ROUNDINGS = ("round", "floor", "ceil", "trunc", "fix", "sign")
_CASTS = "float double half bfloat16 byte char short int long to type type_as"
_COMPARISONS = "gt ge lt le greater greater_equal less less_equal __gt__ __ge__ __lt__ __le__"
_SAME = (
    "add sub subtract mul multiply rsub neg negative abs clamp clip __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ "
    "__neg__ sum mean matmul __matmul__ reshape view flatten unflatten permute transpose movedim unsqueeze squeeze "
    "expand repeat contiguous clone flip __getitem__ cat concat concatenate stack"
)
_DIVISIONS = "div divide true_divide __truediv__ __rtruediv__ __div__ __rdiv__"
_BITS = "bitwise_and bitwise_or __and__ __or__ __rshift__ __lshift__ bitwise_right_shift bitwise_left_shift"

_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_ROUNDINGS, _round),
    **dict.fromkeys((f"{name}_" for name in _ROUNDINGS), _round_in_place),
    **dict.fromkeys(_CASTS.split(), _cast),
    **dict.fromkeys(_COMPARISONS.split(), _compare),
    **dict.fromkeys(_SAME.split(), _arithmetic),
    **dict.fromkeys([*_DIVISIONS.split(), *_FLOOR_DIVISIONS], _divide),
    **dict.fromkeys(_BITS.split(), _bits),
    "heaviside": _heaviside,
    "where": _where,
}
"""What is done about a function of torch, by its name."""
