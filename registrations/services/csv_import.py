"""Import UMP instances from rows of text: every row is checked first, then all of them are written, or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from registrations import audit
from registrations.models import EntraTenant, ServiceProvider, UmpInstance
from registrations.models.fields import validate_dns_label, validate_guid
from registrations.models.tenants import validate_ump_url
from registrations.services import addresses, credentials, provider_contacts

REQUIRED = (
    "service_provider",
    "domain",
    "subscription",
    "tenant_id",
    "app_name",
    "ump_url",
    "ump_client_id",
    "ump_client_secret",
    "ump_scope",
)
OPTIONAL = ("ump_tenant_id", "delivery", *provider_contacts.COLUMNS)
SURPLUS = "(surplus)"
MAY_BE_EMPTY = {"ump_client_id", "ump_client_secret", "ump_scope", *OPTIONAL}  # a UMP without an API has no credential
COLUMN_OF = {"name": "service_provider", "provider": "service_provider", "tenant": "tenant_id"}
CHECKED_ALONE: dict[str, Callable[[str], None]] = {  # cells that can be checked without their row
    "tenant_id": validate_guid,
    "app_name": validate_dns_label,
    "ump_tenant_id": validate_guid,
    "ump_client_id": validate_guid,
}
LOCKED_AFTER_DELIVERY = ("ump_url", "ump_tenant_id")


@dataclass(frozen=True)
class Problem:
    """One bad cell."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.reason}"


class BadRowsError(Exception):
    """Nothing was imported; `problems` names every bad cell."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s)")
        self.problems = problems


@dataclass(frozen=True)
class Outcome:
    """What became of one row."""

    line: int
    host: str
    what: str


def import_rows(rows: Sequence[Mapping[str, Any]], *, actor: audit.Actor) -> list[Outcome]:
    """Create or update the instances of all rows, or of none. Raises BadRowsError."""
    problems = _header_problems(rows)
    hosts: dict[str, int] = {}
    outcomes: list[Outcome] = []
    if not problems:
        with audit.atomic():
            addresses.lock(
                UmpInstance.objects.all()
            )  # every row that a worker may write: what is checked below stays so
            for line, row in enumerate(rows, start=2):
                found = _cell_problems(line, row) + _repeated(line, row, hosts)
                if not found:
                    try:
                        outcomes.append(
                            _import_row(
                                line, {key: (row.get(key) or "").strip() for key in (*REQUIRED, *OPTIONAL)}, actor
                            )
                        )
                    except ValidationError as error:
                        found = _problems_of(line, error)
                problems += found
            if problems:
                transaction.set_rollback(True)
    if problems:
        raise BadRowsError(problems)
    return outcomes


def _header_problems(rows: Sequence[Mapping[str, Any]]) -> list[Problem]:
    if not rows:
        return [Problem(1, "(all)", "the file is empty, or has no rows below the header.")]
    known = {*REQUIRED, *OPTIONAL, SURPLUS}
    missing = [Problem(1, column, "this column is missing.") for column in REQUIRED if column not in rows[0]]
    unknown = [Problem(1, str(column), "this column is not known.") for column in rows[0] if column not in known]
    return missing + unknown


def _cell_problems(line: int, row: Mapping[str, Any]) -> list[Problem]:
    if row.get(SURPLUS):
        return [Problem(line, "(last)", "the row has more cells than the header.")]
    problems = [
        Problem(line, column, "this cell is empty.")
        for column in REQUIRED
        if column not in MAY_BE_EMPTY and not (row.get(column) or "").strip()
    ]
    subscription = (row.get("subscription") or "").strip()
    if subscription and subscription not in EntraTenant.Subscription.values:
        problems.append(Problem(line, "subscription", f"{subscription!r} is neither audiocodes nor service_provider."))
    delivery = (row.get("delivery") or "").strip() or UmpInstance.Delivery.API.value
    if delivery not in UmpInstance.Delivery.values:
        problems.append(Problem(line, "delivery", f"{delivery!r} is neither api nor handover."))
    problems += _values_problems(line, row)
    if delivery == UmpInstance.Delivery.API:
        problems += [
            Problem(line, column, "delivery by API needs it.")
            for column in ("ump_client_id", "ump_client_secret", "ump_scope")
            if not (row.get(column) or "").strip()
        ]
    return problems


def _values_problems(line: int, row: Mapping[str, Any]) -> list[Problem]:
    """Errors of single values, whatever the other cells contain, so that a person can fix all of them at once."""
    problems = []
    for column, validate in CHECKED_ALONE.items():
        value = (row.get(column) or "").strip().strip("{}").lower()
        try:
            if value:
                validate(value)
        except ValidationError as error:
            problems.append(Problem(line, column, " ".join(error.messages)))
    url, domain = ((row.get(column) or "").strip() for column in ("ump_url", "domain"))
    try:
        if url and domain:
            validate_ump_url(url, domain.lower())
    except ValidationError as error:
        problems.append(Problem(line, "ump_url", " ".join(error.messages)))
    return problems


def _repeated(line: int, row: Mapping[str, Any], hosts: dict[str, int]) -> list[Problem]:
    """Two rows of one file about the same instance would overwrite each other."""
    host = ".".join((row.get(column) or "").strip().lower() for column in ("app_name", "domain"))
    first = hosts.setdefault(host, line)
    return [] if first == line else [Problem(line, "app_name", f"line {first} has {host} already.")]


def _import_row(line: int, row: dict[str, str], actor: audit.Actor) -> Outcome:
    tenant = EntraTenant.objects.filter(tenant_id=row["tenant_id"].lower()).first()
    if tenant is None:
        raise ValidationError({"tenant_id": f"{row['tenant_id']} is not connected. Run connect_tenant for it first."})
    if tenant.subscription != row["subscription"]:
        raise ValidationError({"subscription": f"{tenant.name} is stored as {tenant.subscription}."})
    provider = _provider(row, tenant, actor)
    provider_contacts.update(provider, row, actor=actor)
    instance = UmpInstance.objects.filter(provider=provider, app_name__iexact=row["app_name"]).first()
    is_new = instance is None
    instance = instance or UmpInstance(provider=provider, app_name=row["app_name"])
    before = {} if is_new else _shown(instance)
    values = {
        "ump_url": row["ump_url"],
        "ump_tenant_id": row["ump_tenant_id"].lower() or tenant.tenant_id,
        "ump_client_id": row["ump_client_id"].lower(),
        "ump_scope": row["ump_scope"],
        "delivery": row["delivery"] or UmpInstance.Delivery.API,
    }
    for field, value in values.items():
        if instance.delivered_at and field in LOCKED_AFTER_DELIVERY and getattr(instance, field) != value:
            raise ValidationError(
                {field: f"{instance.host} was delivered: change its address in the admin, with a reason."}
            )
        setattr(instance, field, value)
    instance.full_clean()
    after = _shown(instance)
    _save(instance, is_new, before, after, actor)
    secret_changed = (
        bool(row["ump_client_secret"]) and instance.unseal("ump_client_secret_envelope") != row["ump_client_secret"]
    )
    if secret_changed:
        credentials.store_ump_secret(instance, row["ump_client_secret"], actor=actor)
    return Outcome(
        line, instance.host, "created" if is_new else "updated" if before != after or secret_changed else "unchanged"
    )


def _save(
    instance: UmpInstance, is_new: bool, before: dict[str, str], after: dict[str, str], actor: audit.Actor
) -> None:
    changed = [field for field in after if before.get(field) != after[field]]
    if not changed:
        return
    instance.save(**({"force_insert": True} if is_new else {"update_fields": changed}))
    audit.record(
        "instance.added" if is_new else "instance.changed",
        actor=actor,
        subject=instance,
        before=before,
        after=after,
    )


def _provider(row: dict[str, str], tenant: EntraTenant, actor: audit.Actor) -> ServiceProvider:
    provider = ServiceProvider.objects.filter(domain=row["domain"].lower()).first()
    if provider is None:
        provider = ServiceProvider(name=row["service_provider"], domain=row["domain"].lower(), tenant=tenant)
        provider.full_clean()
        provider.save()
        audit.record(
            "provider.added",
            actor=actor,
            subject=provider,
            after={"name": provider.name, "domain": provider.domain, "tenant": tenant.tenant_id},
        )
    if provider.name != row["service_provider"]:
        raise ValidationError({"service_provider": f"{provider.domain} belongs to {provider.name}."})
    if provider.tenant_id != tenant.pk:
        raise ValidationError(
            {"tenant_id": f"{provider.name} belongs to {provider.tenant.name}: change it in the admin."}
        )
    return provider


def _shown(instance: UmpInstance) -> dict[str, str]:
    fields = ("app_name", "ump_url", "ump_tenant_id", "ump_client_id", "ump_scope", "delivery")
    return {field: str(getattr(instance, field)) for field in fields}


def _problems_of(line: int, error: ValidationError) -> list[Problem]:
    return [Problem(line, COLUMN_OF.get(field, field), " ".join(texts)) for field, texts in error.message_dict.items()]
