"""The staff's pages for customers, their services and invitations."""

from onboarding.admin import connection, customer, invitation, service

__all__ = ["connection", "customer", "invitation", "service"]
