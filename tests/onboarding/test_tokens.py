"""Random secrets and their keyed hashes: one for each purpose, and valid through a change of keys."""

import re
from typing import Any

from onboarding import tokens
from registrations.encryption import KeyRing


def test_a_token_fits_the_links_pattern_and_is_never_repeated() -> None:
    made = {tokens.new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(tokens.LINK_PATTERN, token) for token in made)


def test_a_hash_for_one_purpose_is_useless_for_another() -> None:
    token = tokens.new_token()
    hashes = {tokens.invitation_hash(token), tokens.state_hash(token), tokens.browser_hash(token)}
    assert len(hashes) == 3
    assert token not in hashes


def test_a_link_is_found_until_the_key_of_its_hash_is_removed(settings: Any) -> None:
    token, old = tokens.new_token(), KeyRing.new_key("k1")
    settings.PORTAL_KEYS = old
    stored = tokens.invitation_hash(token)
    settings.PORTAL_KEYS = f"{KeyRing.new_key('k2')},{old}"
    assert tokens.invitation_hash(token) != stored
    assert tokens.invitation_hashes(token) == [tokens.invitation_hash(token), stored]
    settings.PORTAL_KEYS = KeyRing.new_key("k3")
    assert stored not in tokens.invitation_hashes(token)
