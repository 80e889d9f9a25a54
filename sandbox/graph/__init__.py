"""The part of Microsoft Graph v1.0 that the product calls."""
