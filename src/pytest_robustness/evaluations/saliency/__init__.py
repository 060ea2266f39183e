"""Accuracy with the most salient pixels masked, and its controls."""
