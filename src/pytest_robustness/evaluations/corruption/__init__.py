"""Accuracy under corruption: suites, levels, and errors beside a reference model."""
