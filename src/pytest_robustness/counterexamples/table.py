"""The counterexamples of a requirement as a table, a sheet of pictures and a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, overload

from pytest_robustness.counterexamples.counterexample import Counterexample
from pytest_robustness.counterexamples.pictures import draw, strip, write_picture
from pytest_robustness.errors import EvaluationError, unknown_name
from pytest_robustness.evaluations.pictures import PICTURE_FORMATS, written
from pytest_robustness.strategies.table import named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_COLUMNS = ("index", "label", "before", "after", "magnitude", "linf", "l2", "perturbation", "search", "reproduce")


@dataclass(frozen=True, kw_only=True, eq=False)
class Counterexamples(Sequence[Counterexample]):
    """The smallest changes found, smallest magnitude first.

    Parameters
    ----------
    name : str
        What was looked into.
    found : tuple of Counterexample
    limit : int
        How many were wanted.
    budget : str
        What was tried on each sample.
    examined : int
        Samples looked at, in seeded order, until there were enough.
    right : int
        Those of them that are right as they are.
    n : int
        Samples there are.
    forwards : int
        Images through the model.
    """

    name: str
    found: tuple[Counterexample, ...]
    limit: int
    budget: str
    examined: int
    right: int
    n: int
    forwards: int

    def __len__(self) -> int:
        """Return how many were found."""
        return len(self.found)

    @overload
    def __getitem__(self, place: int) -> Counterexample: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Counterexample, ...]: ...

    def __getitem__(self, place: int | slice) -> Counterexample | tuple[Counterexample, ...]:
        """Return one, or some, in the order of the table."""
        return self.found[place]

    def __iter__(self) -> Iterator[Counterexample]:
        """Go through them, smallest first."""
        return iter(self.found)

    @property
    def summary(self) -> str:
        """What was looked at, at what cost, in one sentence."""
        found = f"{len(self)} counterexample{'' if len(self) == 1 else 's'}" if len(self) else "no counterexample"
        looked = f"{self.examined} of {self.n} samples looked at, {self.right} of them right as they are"
        return f"{found} of at most {self.limit}; {looked}; each: {self.budget}; {self.forwards:,} images classified"

    def to_dataframe(self) -> pd.DataFrame:
        """Return one line for each counterexample."""
        import pandas as pd

        rows = [{name: getattr(one, name) for name in _COLUMNS} for one in self.found]
        frame = pd.DataFrame(rows, columns=list(_COLUMNS))
        return frame.astype({"perturbation": str})

    def __str__(self) -> str:
        """Return a short table, headed by what was looked at."""
        from tabulate import tabulate

        head = f"{self.name}: {self.summary}"
        rows = [(one.index, f"{one.before} -> {one.after}", one.magnitude, one.linf, _short(one)) for one in self.found]
        headers = ("image", "class", "magnitude", "linf", "change")
        return f"{head}\n{tabulate(rows, headers=headers, tablefmt='plain', floatfmt='.4g')}" if rows else head

    def to_markdown(self) -> str:
        """Return a section of Markdown: a table, and the lines that reproduce it."""
        lines = [f"### Counterexamples: {_in_cell(self.name)}", "", _in_cell(self.summary), ""]
        if self.found:
            lines += ["| image | class | magnitude | linf | change |", "|---|---|---:|---:|---|"]
            lines += [
                f"| {one.index} | {one.before} → {one.after} | {one.magnitude:.4g} | {one.linf:.4g} "
                f"| `{_in_cell(_short(one))}` |"
                for one in self.found
            ]
            lines += ["", "```python", *(one.reproduce for one in self.found), "```"]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """Return a page of its own: a row with pictures for each, and the line that reproduces it."""
        rows = "\n".join(_html_row(one) for one in self.found)
        head = "<tr><th>image</th><th>before, after, difference</th><th>class</th><th>change</th></tr>"
        table = f"<table>\n{head}\n{rows}\n</table>" if self.found else ""
        title = escape(f"Counterexamples: {self.name}")
        return (
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<style>{_STYLE}</style>\n'
            f"<h1>{title}</h1>\n<p>{escape(self.summary)}</p>\n{table}\n</html>\n"
        )

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw a sheet: before, after and difference of each; write it where a path is given.

        Parameters
        ----------
        path : str or Path, optional
            The suffix picks the format: ``.png``, ``.svg`` or ``.pdf``.

        Raises
        ------
        EvaluationError
            Where there is none to draw.
        ParameterError
            For another suffix.
        """
        if path is not None and Path(path).suffix.lower() not in PICTURE_FORMATS:
            raise unknown_name("format of a picture", str(path), PICTURE_FORMATS)
        if not self.found:
            raise EvaluationError(f"{self.name} has no counterexample to draw: {self.summary}")
        figure = draw(self.found)
        if path is not None:
            write_picture(figure, Path(path))
        return figure

    def save(self, path: str | Path) -> Path:
        """Write the report: ``.html``, ``.md``, ``.csv``, or the sheet as ``.png``, ``.svg`` or ``.pdf``.

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        texts = {
            ".html": self.to_html,
            ".md": self.to_markdown,
            ".csv": self._to_csv,
        }
        path, suffix = Path(path), Path(path).suffix.lower()
        if suffix in PICTURE_FORMATS:
            self.plot(path)
            return path
        if suffix not in texts:
            raise unknown_name("format of a report", str(path), [*texts, *PICTURE_FORMATS])
        return written(path, texts[suffix]().encode("utf-8"))

    def _to_csv(self) -> str:
        return str(self.to_dataframe().to_csv(index=False, lineterminator="\n"))


_STYLE = (
    "body{font:14px sans-serif;margin:2em;max-width:72em}td,th{padding:.4em .8em;text-align:left;vertical-align:top}"
    "code{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px}img{image-rendering:pixelated}"
)


def _short(one: Counterexample) -> str:
    parts = []
    for step in one.perturbation.steps:
        name, moved = named(step.transform).short, step.moved
        parts.append(" ".join([*([] if name in moved else [name]), *(f"{k}={v:.6g}" for k, v in moved.items())]))
    return "; ".join(parts)


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _html_row(one: Counterexample) -> str:
    image = "" if one.index is None else str(one.index)
    picture = f'<img alt="before, after, difference" src="data:image/png;base64,{strip(one)}">'
    size = f"magnitude {one.magnitude:.4g}, linf {one.linf:.4g}, l2 {one.l2:.4g}"
    change = f"{escape(_short(one))}<br>{size}<br>{escape(one.search)}<br><code>{escape(one.reproduce)}</code>"
    return f"<tr><td>{image}</td><td>{picture}</td><td>{one.before} → {one.after}</td><td>{change}</td></tr>"
