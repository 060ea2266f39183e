"""Classifiers that are trained here, each a package with ``load()``, its weights, and its own robustness gate."""
