"""The customer's pages: plain views, one URL a step, no page that needs a script."""
