"""Gate the example models and write what the documentation shows of it: ``make docs``.

The table in README.md, its picture, and docs/scorecard.md all come from one run. The picture needs Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "scorecard.md"
PICTURE = ROOT / "docs" / "scorecard.png"
FILES = ("scorecard.html", "scorecard.md", "scorecard.json")
MODELS = ("mlp_adam", "lenet5", "smoothed_cnn")
"""Those that `make demo` gates."""

INTRODUCTION = """# Scorecard of the example models

What `make demo` writes as `scorecard.md`; `make docs` does it anew. The models are three of the
[example models](../example_models/README.md), gated on digits that none of them was trained on.

"""


def measure(folder: Path) -> str:
    """Gate the example models at 80 columns, with the reports in `folder`; return what pytest printed."""
    reports = [f"--robustness-report={folder / name}" for name in FILES]
    folders = [f"example_models/{name}" for name in MODELS]
    command = [sys.executable, "-m", "pytest", *folders, "--robustness-no-cache", *reports]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout.replace(f"{folder}{os.sep}", "")


def demo_block(output: str) -> str:
    """Return the scorecard of the terminal, from its heading to the last file written."""
    (block,) = re.findall(r"^=+ robustness scorecard =+$.*?^(?:written: \S+\n)+", output, re.MULTILINE | re.DOTALL)
    return str(block)


def with_demo(readme: str, block: str) -> str:
    """Return the README with another block of the demo."""
    before, rest = readme.split("<!-- demo -->")
    _, after = rest.split("<!-- /demo -->")
    return f"{before}<!-- demo -->\n```text\n{block}```\n<!-- /demo -->{after}"


def page(markdown: str) -> str:
    """Return the page of the scorecard, without the line about the machine."""
    lines = [line for line in markdown.splitlines() if not line.startswith("<sub>")]
    return INTRODUCTION + "\n".join(lines).rstrip().replace("## Robustness", "## All models", 1) + "\n"


def photograph(html: Path) -> None:
    """Take a picture of the top of the HTML report."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("the picture needs Chromium: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1080"]
    command = [program, *flags, f"--screenshot={PICTURE}", html.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


def main() -> None:
    """Measure, and write the three."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = measure(folder)
        README.write_text(with_demo(README.read_text(encoding="utf-8"), demo_block(output)), encoding="utf-8")
        PAGE.write_text(page((folder / "scorecard.md").read_text(encoding="utf-8")), encoding="utf-8")
        photograph(folder / "scorecard.html")
    print("\n".join(str(path.relative_to(ROOT)) for path in (README, PAGE, PICTURE)))


if __name__ == "__main__":
    main()
