"""The customer's pages: plain views, one URL for each step. No page needs JavaScript."""
