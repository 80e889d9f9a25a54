"""Microsoft Entra ID: discovery, sign-in, consent, tokens."""
