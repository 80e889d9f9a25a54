"""Compares the sandbox with Microsoft's own description of Graph: `python -m tests.contract --help`."""
