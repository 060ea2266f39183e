"""The pages that show the scorecards: the table of the studies, the same as JSON, and the list of the models."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from example_models import claims, effects, pictures
from example_models.columns import SUMMARY, TABLES, Column
from example_models.figures import cards, percent
from example_models.models import MODELS, owner
from example_models.published import PUBLISHED, SOURCES, WHY, WHY_CLAIMS, with_figures
from example_models.train import TIMES
from pytest_robustness.scorecard.card import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_robustness import Scorecard

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "tradeoffs.md"
DATA = DOCS / "tradeoffs.json"
README = Path(__file__).with_name("README.md")
START, END = "<!-- models -->\n", "<!-- /models -->\n"


def write() -> Iterator[Path]:
    """Write the pages and the pictures."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")
        yield path
    yield from pictures.write(DOCS, digest())


def pages() -> dict[Path, str]:
    """Return the text of every page, from the scorecards and the claims that are there."""
    return {DATA: _json(), PAGE: _page(), README: _readme()}


def digest() -> str:
    """Return what tells one state of the table from another; the pictures carry it."""
    return hashlib.sha256(_json().encode()).hexdigest()[:16]


def _json() -> str:
    trained = _training()
    document = {
        "confidence": 0.95,
        "models": {name: _model(name, card, trained) for name, card in cards().items()},
        "effects": effects.results(),
        "claims": claims.results(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _model(name: str, card: Scorecard, trained: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for title, columns in TABLES.items():
        cells = {column.heading: cell.to_dict() for column in columns if (cell := column.figure.cell(card)) is not None}
        found |= {title: cells} if cells else {}
    costs = {"training_seconds": trained.get(owner(name)), "measuring_seconds": _seconds(card)}
    return {"about": MODELS[name].about, "study": MODELS[name].study, **found, **costs}


def _training() -> dict[str, Any]:
    return dict(json.loads(TIMES.read_text(encoding="utf-8"))) if TIMES.exists() else {}


def _seconds(card: Scorecard) -> dict[str, float]:
    """Return the wall seconds of each family, each evaluation counted once."""
    found: dict[str, float] = {}
    for row in card.rows:
        if row.headline:
            found[row.family] = found.get(row.family, 0.0) + row.seconds
    return {family: round(seconds, 1) for family, seconds in found.items()}


def _page() -> str:
    text = [_INTRODUCTION, *(_picture(name, alt) for name, alt in pictures.PICTURES.items()), _effects()]
    for title, columns in TABLES.items():
        note = f"{_NOTES[title]}\n" if title in _NOTES else ""
        text.append(f"## {title}\n\n{note}{_table(columns)}")
    text += [_costs(), _published(), _claims()]
    return "\n".join(text)


def _table(columns: Sequence[Column]) -> str:
    """Return a row for each model that has anything in these columns."""
    found = [(name, [column.figure.cell(card) for column in columns]) for name, card in cards().items()]
    decimals = [column.decimals for column in columns]
    lines = [(f"`{name}`", *map(percent, cells, decimals)) for name, cells in found if any(cells)]
    return _markdown(lines, ["model", *(column.heading for column in columns)])


def _markdown(lines: Iterable[Sequence[str]], headers: Sequence[str]) -> str:
    return tabulate([*lines], headers=headers, tablefmt="github", disable_numparse=True) + "\n"


def _effects() -> str:
    """Return what each training changes, a row for each model, and which of them trade one property for another."""
    entries = effects.results()
    lines = [
        (
            f"`{name}`",
            "" if beside == claims.BASE else f"`{beside}`",
            *(_changed(next(e for e in entries if (e["model"], e["of"]) == (name, of))) for of in effects.PROPERTIES),
        )
        for name, beside in effects.pairs().items()
    ]
    headers = ["model", f"beside (`{claims.BASE}`)", *effects.PROPERTIES]
    sorted_out = effects.sorted_out()
    found = [f"- **{title}**: {', '.join(f'`{name}`' for name in sorted_out[key])}." for key, title in _SORTED.items()]
    parts = [_EFFECTS, _markdown(lines, headers), "\n".join(found) + "\n", with_figures(_READING)]
    return "## Which properties trade off against which\n\n" + "\n".join(parts)


def _changed(entry: dict[str, Any]) -> str:
    mark = {"better": " \N{BLACK UP-POINTING TRIANGLE}", "worse": " \N{BLACK DOWN-POINTING TRIANGLE}", "unsure": ""}
    return f"{100 * entry['value']:+.2f}{mark[entry['is']]}"


def _costs() -> str:
    trained, lines = _training(), []
    measured_ones = {row.family for card in cards().values() for row in card.rows}
    families = [family for family in FAMILIES if family in measured_ones]
    for name, card in cards().items():
        measured = _seconds(card)
        training = trained.get(owner(name))
        lines.append(
            (
                f"`{name}`",
                "\N{EN DASH}" if training is None else f"{training['cpu']:.0f}",
                f"{sum(measured.values()):.0f}",
                *("\N{EN DASH}" if family not in measured else f"{measured[family]:.1f}" for family in families),
            )
        )
    return f"## Seconds\n\n{_SECONDS}\n{_markdown(lines, ['model', 'training, CPU', 'measuring', *families])}"


def _published() -> str:
    text = ["## Beside what was published\n", _PUBLISHED]
    for study, entries in PUBLISHED.items():
        lines = [(f"`{entry.model}`", entry.what, entry.text, entry.beside(cards()[entry.model])) for entry in entries]
        source = f"<{SOURCES[study]}>\n\n" if study in SOURCES else ""
        text.append(f"### {study}\n\n{source}{_markdown(lines, ['model', '', 'published', 'ours'])}")
        text += [with_figures(WHY[study])] if study in WHY else []
    return "\n".join(text)


def _claims() -> str:
    entries = claims.results()
    counted = [
        (claim, verdict, *(sum(e["claim"] == claim and e["verdict"] == one for e in entries) for one in _VERDICTS))
        for claim, verdict in claims.of_claims(entries).items()
    ]
    verdicts = _markdown(counted, ["claim", "verdict", *(f"comparisons {one}" for one in _VERDICTS)])
    lines = [
        (
            entry["claim"],
            f"`{entry['first']}`" if entry["second"] else entry["first"],
            f"`{entry['second']}`" if entry["second"] else "",
            _said(entry),
            _difference(entry),
            "< 1e-9" if entry["p_holm"] < 1e-9 else f"{entry['p_holm']:.2g}",
            entry["test"],
            entry["verdict"],
        )
        for entry in entries
    ]
    headers = ["claim", "first", "second", "the first is said to have", "difference", "p (Holm)", "test", "verdict"]
    parts = [_CLAIMS, verdicts, with_figures(WHY_CLAIMS), _markdown(lines, headers)]
    return "## The claims\n\n" + "\n".join(parts)


def _said(entry: dict[str, Any]) -> str:
    if not entry["second"]:
        return str(entry["of"])
    by = f" by more than {100 * entry['beyond']:g}" if entry["beyond"] else ""
    return f"{entry['of']}: {'more' if entry['more'] else 'less'}{by}"


def _difference(entry: dict[str, Any]) -> str:
    if not entry["second"]:
        return f"{entry['value']} [{entry['low']}, {entry['high']}] models"
    if entry["doubtful"]:
        return f"{100 * entry['value']:+.2f}?"
    return f"{100 * entry['value']:+.2f} [{100 * entry['low']:+.2f}, {100 * entry['high']:+.2f}]"


def _readme() -> str:
    """Return the list of the models with what is said around it."""
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    lines = [
        (
            f"[`{name}`]({name})",
            MODELS[name].about,
            *(percent(column.figure.cell(card), column.decimals).split(" ")[0] for column in SUMMARY),
        )
        for name, card in cards().items()
    ]
    table = _markdown(lines, ["model", "what it is", *(column.heading for column in SUMMARY)])
    return f"{before}{START}{table}{END}{after}"


def _picture(name: str, alt: str) -> str:
    return f"![{alt}](tradeoffs-{name}.svg)\n"


_VERDICTS = ("confirmed", "refuted", "undecided")

_INTRODUCTION = """\
# The studies of robustness on MNIST, in one table

Which safety properties of a small classifier trade off against which: every
[example model](../example_models/README.md) measured alike, by this package. Accuracies, AUROCs and calibration errors
are percentages, with the 95 % interval beside them. [Measures](measures.md) defines them all; in short:

- **FGSM, PGD, AutoAttack**: accuracy where each pixel, in [0, 1], may change by the number in the heading (linf).
- **MNIST-C**: accuracy on the published corrupted digits. The interval of the worst of fifteen allows for the choice.
- **AUROC**: how well a score tells digits from unknown images; 50 is chance. MSP is the largest probability, OE the
  cross-entropy between no preference and the output.
- **ECE, RMS, Brier**: how far probabilities are from what they promise; less is better.
- **Gamma and brightness, masks, certificates**: [sensitivity](sensitivity.md), [certification](certification.md).

The images are the 10,000 of the MNIST test set; for attacks and masks 1,000 of them, drawn with seed 0, and for
certificates 200. No model was trained on any of them. A question mark stands at a value that the measurement itself
says is too high: gradients that lead nowhere, as in a model that learned to mask them; of a curve, that is looked at at
the largest radius. It has no interval, for the true value lies somewhere below. A model without a row cannot do it:
`random_forest` has no gradients, and AutoAttack is what is left of it without them, Square with 1,000 queries and
HopSkipJump with at most 2,500 for each image. `smoothed_cnn` is the network without noise everywhere but under
"Certified".

```sh
python -m example_models.tradeoffs measure all    # the scorecards that this page is made of
python -m example_models.tradeoffs judge          # the comparisons of the claims
python -m example_models.tradeoffs                # this page, tradeoffs.json, the pictures
```

What is measured stands in `example_models/measures.toml`. AutoAttack is `autoattack-fast`, for a third to a ninth of
the passes of `autoattack`: it leaves up to four more in a hundred standing on networks that mask their gradients, and
none on others ([attacks](attacks.md#what-it-costs)).
"""

_NOTES = {
    "MNIST-C: noise, blur and shape": """\
Some met in training what is tested here: PixMix turns, shears and shifts copies of its digits, a little, and
salt-and-pepper noise is the impulse noise of this table, up to its share of pixels.
""",
    "AUROC against unknown images": """\
None of the models was trained on these outliers. Where the outputs are probabilities, the max logit is that of their
logarithms, which is the MSP.
""",
    "Gamma 0.1 to 10, brightness -1 to 1": """\
The accuracy over the box of the published study, at 100 points: its mean by area, its smallest value, and the share of
the area where it is at least 90 %. The interval of the mean allows for what lies between the points; that of the area
holds all that is possible between them.
""",
    "The most salient 15 % of the pixels masked": """\
Accuracy with the pixels blackened that the gradient calls most salient, beside as many at random, and random ones that
hold as much ink, since most of a digit is black anyway.
""",
    "Certified, pixels changed": """\
Accuracy that no change of so many pixels can undo, by votes under noise.
""",
}

_EFFECTS = """\
What each training changes, in points of a hundred: the model less the one beside it, which is the baseline, or for
outlier exposure what it starts from. Each is a paired test on the same images (see [the claims](#the-claims)).
\N{BLACK UP-POINTING TRIANGLE}: surely better. \N{BLACK DOWN-POINTING TRIANGLE}: surely worse. No mark: it may be \
chance. All of them hold together (Holm, 5 %).
Of the ECE less is better, of all else more; AUROCs are those of MSP.
"""

_SORTED = {
    "better": "Better in something, worse in nothing",
    "traded": "A trade, better in something and worse in something else",
    "worse": "Worse in something, better in nothing",
}

_READING = """\
So there is no law that what helps under attack hurts elsewhere. Ensembles, a larger network and adversarial training at
the small radius of 0.1 are better all round. The price comes with the radius: by PGD from 0.2 on, by FGSM at 0.3, clean
accuracy, corrupted digits, unknown images and in the end calibration pay for it, and nothing more stands under attack
at 0.1. Augmentation before or after PGD makes it dearer, MixUp above all in calibration. MixUp alone and outlier
exposure trade as well: they tell unknown images apart and lose corrupted digits and calibration.
"""

_SECONDS = """\
Training: CPU seconds of one thread; the three ensembles are trained as one of ten. Measuring: wall seconds of one
process beside others on two cores.
"""

_PUBLISHED = """\
Other weights than ours, other details of the recipes where the publication does not say them, and other draws.
"""

_CLAIMS = """\
Those of the [study of safety trade-offs](https://tuphs28.github.io/blog/2024/Exploring-Tradeoffs-Between-Safety-Metrics).
A claim is confirmed where all of its comparisons show what it says, refuted where one shows the opposite, and undecided
otherwise. Each is a paired test on the same images: McNemar's exact test for accuracies under attack, or its interval
where a difference has to exceed something; for MNIST-C an interval of the differences image by image; DeLong's test for
the AUROC of MSP on Fashion-MNIST; for the ECE a bootstrap over the images, less what chance alone can make of one. The
p-values are two-sided and hold together (Holm, 5 %). Differences are first minus second, in points of a hundred. "Makes
many collapse" says that at least half of the models of the study have fewer than half of the answers right, by exact
binomial tests (partial conjunction); its interval counts those that surely, and possibly, have.
"""
