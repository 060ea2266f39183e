"""Certified accuracy: which images no small change can overturn, shown by sampling under noise."""
