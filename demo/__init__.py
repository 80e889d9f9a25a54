"""`python -m demo`: the whole of SyncPortal on this machine, with the sandbox in Microsoft's and the UMP's place.

The demo imports no part of the product: it starts processes, and speaks to them by command line and address only.
"""
