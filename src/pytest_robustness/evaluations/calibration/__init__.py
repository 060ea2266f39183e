"""Calibration: of the data as they are, under corruption and attack, and with a temperature."""
