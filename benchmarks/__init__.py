"""Speed and agreement beside other libraries, side by side in one run: ``make bench``."""
