"""Accuracy surfaces: where to sample, how to classify cheaply, and what can be said of the samples."""
