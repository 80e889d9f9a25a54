"""Compares the sandbox with a description of Microsoft Graph: `python -m tests.contract --help`."""
