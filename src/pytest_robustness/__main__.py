"""``python -m pytest_robustness``: the command line where its script is not on the path."""

from pytest_robustness.cli import main

raise SystemExit(main())
