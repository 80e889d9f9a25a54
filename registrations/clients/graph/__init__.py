"""Microsoft Graph: the client, what its answers hold, and what its refusals mean."""
