"""Import UMP instances from rows of text: every row is checked first, then all of them are written, or none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from registrations import audit, canonical
from registrations.clean_text import Kind, MisleadingTextError, clean
from registrations.models import EntraTenant, ServiceProvider, UmpInstance
from registrations.models.fields import validate_dns_label, validate_guid
from registrations.models.tenants import canonical_ump_url, validate_new_ump_url
from registrations.services import addresses, credentials, provider_contacts
from registrations.services.csv_file import SURPLUS, Row, Table, canonical_name

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
MAY_BE_EMPTY = {"ump_client_id", "ump_client_secret", "ump_scope", *OPTIONAL}  # a UMP without an API has no credential
COLUMN_OF = {"name": "service_provider", "provider": "service_provider", "tenant": "tenant_id"}
CHECKED_ALONE: dict[str, Callable[[str], None]] = {  # cells that can be checked without their row
    "tenant_id": validate_guid,
    "app_name": validate_dns_label,
    "ump_tenant_id": validate_guid,
    "ump_client_id": validate_guid,
}
KINDS = {  # what stands in each column
    **dict.fromkeys((*REQUIRED, *OPTIONAL), Kind.IDENTIFIER),
    "service_provider": Kind.NAME,
    "ump_url": Kind.URL,
    "ump_client_secret": Kind.SECRET,
    "contact_name": Kind.NAME,
    "contact_email": Kind.EMAIL,
    "contact_phone": Kind.NAME,
}
CANONICAL: dict[str, Callable[[str], str]] = {  # one form for each meaning, so that a file compares with what is stored
    "domain": canonical.host,
    "app_name": canonical.host,
    "subscription": canonical_name,
    "delivery": canonical_name,
    "tenant_id": canonical.guid,
    "ump_tenant_id": canonical.guid,
    "ump_client_id": canonical.guid,
    "ump_scope": canonical.scope,
}
EXAMPLES = {  # the template's one line: words in capitals are to be replaced
    "service_provider": "Finebak",
    "domain": "finebak.com",
    "subscription": EntraTenant.Subscription.AUDIOCODES.value,
    "tenant_id": "TENANT_ID",
    "app_name": "umptoken",
    "ump_url": "https://ump.finebak.com/tenantui",
    "ump_client_id": "CLIENT_ID",
    "ump_client_secret": "SECRET_VALUE",
    "ump_scope": "api://CLIENT_ID/.default",
    "delivery": UmpInstance.Delivery.API.value,
    "contact_name": "Finebak onboarding team",
    "contact_email": "onboarding@finebak.com",
    "contact_phone": "+44 20 7946 0000",
}
COLUMNS = f"Required columns: {', '.join(REQUIRED)}. Optional columns: {', '.join(OPTIONAL)}."
LOCKED_AFTER_DELIVERY = ("ump_url", "ump_tenant_id", "delivery")  # with another delivery nobody has verified the values


@dataclass(frozen=True)
class Problem:
    """One bad cell."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.reason}"


class BadRowsError(Exception):
    """Nothing was imported; `problems` names every bad cell, and `advice` the columns if the header is wrong."""

    def __init__(self, problems: list[Problem], advice: str = "") -> None:
        super().__init__(f"{len(problems)} problem(s)")
        self.problems, self.advice = problems, advice


@dataclass(frozen=True)
class Outcome:
    """What became of one row."""

    line: int
    host: str
    what: str


def import_table(table: Table, *, actor: audit.Actor) -> list[Outcome]:
    """Create or update the instances of all rows, or of none. Raises BadRowsError."""
    problems = _header_problems(table)
    if problems:
        raise BadRowsError(problems, COLUMNS)
    hosts: dict[str, int] = {}
    outcomes: list[Outcome] = []
    with audit.atomic():
        # Every row that a worker may write: what is checked below stays so.
        addresses.lock(UmpInstance.objects.all())
        for row in table.rows:
            found, cells = _cleaned(row)
            found += _cell_problems(row, cells, {problem.column for problem in found})
            found += _repeated(row.line, cells, hosts)
            if not found:
                try:
                    outcomes.append(_import_row(row.line, cells, actor))
                except ValidationError as error:
                    found = _problems_of(row.line, error)
            problems += found
        if problems:
            transaction.set_rollback(True)
    if problems:
        raise BadRowsError(problems)
    return outcomes


def template() -> str:
    """A file to begin with: every column, the required ones first, and one line whose values are to be replaced."""
    columns = (*REQUIRED, *OPTIONAL)
    return "".join(f"{','.join(line)}\n" for line in (columns, [EXAMPLES.get(column, "") for column in columns]))


def _header_problems(table: Table) -> list[Problem]:
    if not table.rows:
        return [Problem(table.line, "(all)", "the file is empty, or has no rows below the header.")]
    known = (*REQUIRED, *OPTIONAL)
    found = {column: "this column is required and missing." for column in REQUIRED if column not in table.columns}
    found |= {column: "this column is not known." for column in table.columns if column not in known}
    found |= dict.fromkeys(table.repeated, "this column stands twice: delete one of the two.")
    return [Problem(table.line, _visible(column), reason) for column, reason in found.items()]


def _visible(column: str) -> str:
    return column if column.isprintable() else ascii(column)


def _cleaned(row: Row) -> tuple[list[Problem], dict[str, str]]:
    """The problems of cells that could mislead, and all cells in the form in which they are compared."""
    problems, cells = [], dict.fromkeys((*REQUIRED, *OPTIONAL), "")
    for column, kind in KINDS.items():
        try:
            text = clean(row.cells.get(column, ""), what=kind)
        except MisleadingTextError as refusal:
            problems.append(Problem(row.line, column, str(refusal)))
            continue
        cells[column] = CANONICAL.get(column, str)(text)
    return problems, cells


def _cell_problems(row: Row, cells: Mapping[str, str], refused: set[str]) -> list[Problem]:
    """What is wrong with each cell, but for those that were refused already."""
    if row.cells.get(SURPLUS):
        return [Problem(row.line, "(last)", "the row has more cells than the header.")]
    found: dict[str, str] = {
        column: "this cell is empty." for column in REQUIRED if column not in MAY_BE_EMPTY and not cells[column]
    }
    subscription, delivery = cells["subscription"], cells["delivery"] or UmpInstance.Delivery.API.value
    if subscription and subscription not in EntraTenant.Subscription.values:
        found["subscription"] = f"{subscription!r} is neither audiocodes nor service_provider."
    if delivery not in UmpInstance.Delivery.values:
        found["delivery"] = f"{delivery!r} is neither api nor handover."
    found |= _values_problems(cells)
    if delivery == UmpInstance.Delivery.API:
        needed = ("ump_client_id", "ump_client_secret", "ump_scope")
        found |= {column: "delivery by API needs it." for column in needed if not cells[column]}
    return [Problem(row.line, column, reason) for column, reason in found.items() if column not in refused]


def _values_problems(cells: Mapping[str, str]) -> dict[str, str]:
    """Errors of single values, whatever the other cells contain, so that a person can fix all of them at once."""
    found = {}
    for column, validate in CHECKED_ALONE.items():
        try:
            if cells[column]:
                validate(cells[column])
        except ValidationError as error:
            found[column] = " ".join(error.messages)
    try:
        if cells["ump_url"] and cells["domain"]:
            validate_new_ump_url(cells["ump_url"], cells["domain"])
    except ValidationError as error:
        found["ump_url"] = " ".join(error.messages)
    return found


def _repeated(line: int, cells: Mapping[str, str], hosts: dict[str, int]) -> list[Problem]:
    """Two rows of one file about the same instance would overwrite each other."""
    host = f"{cells['app_name']}.{cells['domain']}"
    first = hosts.setdefault(host, line)
    return [] if first == line else [Problem(line, "app_name", f"line {first} has {host} already.")]


def _import_row(line: int, row: dict[str, str], actor: audit.Actor) -> Outcome:
    tenant = EntraTenant.objects.filter(tenant_id=row["tenant_id"]).first()
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
    _set_values(instance, row, tenant)
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


def _set_values(instance: UmpInstance, row: dict[str, str], tenant: EntraTenant) -> None:
    """Set what differs; a URL or a scope that means the stored one stays as it is stored. Raises ValidationError after a delivery."""
    same_url = canonical_ump_url(row["ump_url"]) == canonical_ump_url(instance.ump_url)
    same_scope = row["ump_scope"] == canonical.scope(instance.ump_scope)
    values = {
        "ump_url": instance.ump_url if same_url else row["ump_url"],
        "ump_tenant_id": row["ump_tenant_id"] or tenant.tenant_id,
        "ump_client_id": row["ump_client_id"],
        "ump_scope": instance.ump_scope if same_scope else row["ump_scope"],
        "delivery": row["delivery"] or (instance.delivery if instance.delivered_at else UmpInstance.Delivery.API),
    }
    for field, value in values.items():
        if instance.delivered_at and field in LOCKED_AFTER_DELIVERY and getattr(instance, field) != value:
            raise ValidationError(
                {field: f"{instance.host} was delivered: change its address in the admin, with a reason."}
            )
        setattr(instance, field, value)


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
    provider = ServiceProvider.objects.filter(domain=row["domain"]).first()
    if provider is None:
        provider = ServiceProvider(name=row["service_provider"], domain=row["domain"], tenant=tenant)
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
