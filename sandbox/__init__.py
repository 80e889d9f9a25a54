"""A stand-in, on localhost, for the remote services the product talks to.

Microsoft Entra ID, Microsoft Graph v1.0, AudioCodes UMP-365 and a mailbox. The product meets it only at URLs. It
refuses what the real services refuse, as far as their vendors document it.
"""
