"""The commands of the command line, a file each; console.py has what they share."""
