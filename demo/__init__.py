"""`python -m demo`: all of SyncPortal on this machine, with a sandbox that simulates Microsoft and the UMP.

The demo imports no part of the product: it starts processes, and speaks to them by command line and address only.
"""
