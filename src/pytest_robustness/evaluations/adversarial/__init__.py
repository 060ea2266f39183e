"""Accuracy under attack: plans, curves, pictures and saved images."""
