"""Whom a provider's customers can ask: name, e-mail and phone, as a file gives them."""

from collections.abc import Mapping

from registrations import audit
from registrations.models import ServiceProvider

COLUMNS = ("contact_name", "contact_email", "contact_phone")


def update(provider: ServiceProvider, given: Mapping[str, str], *, actor: audit.Actor) -> bool:
    """Store the columns that are given, in the caller's transaction; an empty one changes nothing. Whether anything changed.

    Raises ValidationError for what is no e-mail address.
    """
    changed = {name: given[name] for name in COLUMNS if given.get(name) and getattr(provider, name) != given[name]}
    if not changed:
        return False
    before = {name: getattr(provider, name) for name in changed}
    for name, value in changed.items():
        setattr(provider, name, value)
    provider.full_clean()
    provider.save(update_fields=list(changed))
    audit.record("provider.changed", actor=actor, subject=provider, before=before, after=changed)
    return True
