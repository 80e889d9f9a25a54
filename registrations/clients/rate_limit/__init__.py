"""The rate limit of Graph calls: one for each application and tenant, shared by all processes through Redis."""
