"""Signing in to the admin as a browser does."""

from django.test import Client
from django.urls import reverse


def sign_in(username: str, password: str, address: str = "192.0.2.1") -> Client:
    """The browser after it has sent user name and password from this address."""
    client = Client(headers={"host": "localhost"}, REMOTE_ADDR=address)
    client.post(reverse("admin:login"), {"username": username, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    """Whether the admin's start page opens."""
    return client.get(reverse("admin:index")).status_code == 200
