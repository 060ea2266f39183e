"""The house stays as it was drawn: imports point one way, and what is imported at start-up is light."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "pytest_robustness"

FLOORS = (
    {"errors", "lazy"},
    {"metrics", "transforms"},
    {"classifiers", "datasets"},
    {"attacks", "certificates", "saliency", "strategies"},
    {"evaluations"},
    {"counterexamples"},
    {"engine"},
    {"scorecard"},
    {"gates"},
    {"commands"},
    {"plugin", "cli"},
    {"__main__"},
)
"""From the ground up. A room may import itself and the rooms on the floors below."""

HEAVY = {
    *("torch", "numpy", "scipy", "sklearn", "pandas", "matplotlib", "hypothesis", "jinja2", "adaptive", "tabulate"),
    *("pooch", "filelock", "safetensors"),
}

FILES = sorted(PACKAGE.rglob("*.py"))


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pytest_robustness."):
            names.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "pytest_robustness":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("pytest_robustness.")}
    return {name for name in names if any(name in rooms for rooms in FLOORS)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return  # the public names, loaded lazily from all rooms
    room = room_of(path)
    upward = {
        other
        for other in imported_rooms(ast.parse(path.read_text(encoding="utf-8"))) - {room}
        if floor_of(other) >= floor_of(room)
    }
    assert not upward


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_relative_imports_and_no_bare_asserts(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    # pytest rewrites the asserts of a plugin, and python -O drops them: an error that a user can cause is raised.
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def test_what_is_imported_at_start_up_is_light() -> None:
    """Follow the imports at module level from the plugin; the measured side of this is in tests/plugin."""
    waiting, seen = ["pytest_robustness.plugin"], set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in top_level_imports(module):
            assert name.split(".")[0] not in HEAVY, f"{module} imports {name}"
            if name.startswith("pytest_robustness"):
                waiting.append(name)
    assert "pytest_robustness.plugin.collection" in seen  # the walk does follow the imports


def top_level_imports(module: str) -> list[str]:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(str(node.module))
            parents = str(node.module).split(".")
            names += [".".join(parents[: i + 1]) for i in range(1, len(parents) - 1) if parents[0] == PACKAGE.name]
    return names


def test_global_random_state_is_left_alone() -> None:
    # Other libraries draw from the global state: it is seeded for them, and put back as it was.
    ours = [path for path in FILES if "foreign" not in path.stem and path.parent.name != "foreign"]
    forbidden = ("np.random.seed", "np.random.rand", "torch.manual_seed", "random.seed(", "np.random.default_rng()")
    found = [(path.name, word) for path in ours for word in forbidden if word in path.read_text(encoding="utf-8")]
    assert not found
