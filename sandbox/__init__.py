"""A simulator, on localhost, of the remote services that the product calls.

It simulates Microsoft Entra ID, Microsoft Graph v1.0, AudioCodes UMP-365 and a mailbox. The product reaches it through
URLs only. It rejects what the real services reject, as far as their vendors document it.
"""
