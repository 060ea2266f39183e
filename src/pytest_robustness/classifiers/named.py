"""What the byte code of a function names, and which globals it may change."""

from __future__ import annotations

import dis
import functools
import types

_STORING = frozenset({"STORE_SUBSCR", "STORE_SLICE", "STORE_ATTR", "DELETE_SUBSCR", "DELETE_ATTR"})
_CHANGING = frozenset(
    {
        *("append", "appendleft", "extend", "insert", "remove", "pop", "popleft", "popitem", "clear", "add"),
        *("discard", "update", "setdefault", "sort", "reverse"),
    }
)


def names_in(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a function and those inside it use, and the globals that they may change."""
    names, changed = set(code.co_names), _changed_in(code)
    for inside in code.co_consts:
        if isinstance(inside, types.CodeType):
            further, changed_there = names_in(inside)
            names |= further
            changed |= changed_there
    return frozenset(names), frozenset(changed)


@functools.lru_cache(maxsize=4096)
def _changed_in(code: types.CodeType) -> frozenset[str]:
    """Return the globals that a function sets, and those in lines that store into something or call what changes it."""
    used: dict[int, set[str]] = {}
    storing: set[int] = set()
    written: set[str] = set()
    line = 0
    for one in dis.get_instructions(code):
        line = (one.positions.lineno if one.positions else None) or line
        if one.opname == "STORE_GLOBAL":
            written.add(one.argval)
        elif one.opname == "LOAD_GLOBAL":
            used.setdefault(line, set()).add(one.argval)
        elif one.opname in _STORING or one.argval in _CHANGING:
            storing.add(line)
    return frozenset(written.union(*(used.get(line, set()) for line in storing)))
