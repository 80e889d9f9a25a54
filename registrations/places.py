"""Where a row belongs: its host, instance, provider, customer ... The history and the lists show it beside each name.

Each app registers, as data, the way from its models to these. So the staff's side finds the instance of a customer's
invitation without knowing what an invitation is.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Concat

from registrations.models import (
    AppRegistration,
    BulkItem,
    BulkJob,
    ClientSecret,
    EntraTenant,
    Operation,
    ServiceProvider,
    UmpInstance,
)

Key = tuple[str, str]  # a row's model name and its ID as text


@dataclass(frozen=True)
class Place:
    """What a row belongs to, as far as it is known. Plain IDs: they stay when their rows change."""

    host: str = ""
    instance_id: UUID | None = None
    provider_id: UUID | None = None
    tenant_id: UUID | None = None
    registration_id: UUID | None = None
    job_id: UUID | None = None
    customer_id: UUID | None = None
    service_id: UUID | None = None
    invitation_id: UUID | None = None

    def __or__(self, other: "Place") -> "Place":
        """This place, with what it leaves open taken from the other one."""
        return Place(**{name: value or getattr(other, name) for name, value in asdict(self).items()})

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return any(asdict(self).values())


Find = Callable[[list[Any]], Mapping[Any, Place]]
NAMES = [field.name for field in fields(Place) if field.name != "host"]


@dataclass(frozen=True)
class Way:
    """From a model to what its rows belong to: a look-up path for each, `pk` for the row itself."""

    model: type[models.Model]
    paths: Mapping[str, str]

    def columns(self) -> dict[str, str]:
        """The path of each field of a place, with what follows from it: a provider from its instance, a tenant from that."""
        found = {f"{name}_id": path for name, path in self.paths.items()}
        if "instance" in self.paths:
            found["provider_id"] = _below(self.paths["instance"], "provider")
        if "provider_id" in found:
            found["tenant_id"] = _below(found["provider_id"], "tenant")
        return found

    def names(self) -> list[str]:
        """The paths of the two parts of the host."""
        instance = self.paths.get("instance", "")
        return [_below(instance, "app_name"), _below(instance, "provider__domain")] if instance else []

    def place(self, values: list[Any]) -> Place:
        """What these values of `columns` and `names` say, which it takes from the front of the list."""
        ids = {name: values.pop(0) for name in self.columns()}
        parts = [values.pop(0) for _ in self.names()]
        return Place(host=".".join(parts) if parts and parts[0] else "", **ids)


_ways: dict[str, list[Way]] = {}
_finders: dict[str, Find] = {}
_kept: ContextVar[dict[Key, Place] | None] = ContextVar("kept", default=None)


def register(model: type[models.Model], **paths: str) -> None:
    """Make the way from a model known: `instance`, `provider`, `customer` ... An app may add a way to another's model."""
    _ways.setdefault(_name_of(model), []).append(Way(model, paths))


def register_finder(model: type[models.Model], find: Find) -> None:
    """The same for a model whose places are more than a path away."""
    _finders[_name_of(model)] = find


def register_models() -> None:
    """The ways of the staff's side."""
    register(EntraTenant, tenant="pk")
    register(ServiceProvider, provider="pk")
    register(UmpInstance, instance="pk")
    register(AppRegistration, registration="pk", instance="instance")
    register(ClientSecret, registration="registration", instance="registration__instance")
    register(BulkJob, job="pk")
    register_finder(BulkJob, _of_jobs)
    register_finder(Operation, _of_operations)


def own_column(model: type[models.Model]) -> str:
    """The field of a place that holds this model's own IDs, or ""."""
    own = (name for way in _ways.get(_name_of(model), []) for name, path in way.paths.items() if path == "pk")
    return next((f"{name}_id" for name in own), "")


def of(keys: Iterable[Key]) -> dict[Key, Place]:
    """The places of these rows: one query for each model. Rows that are not known, or not placed, are left out."""
    wanted, known = set(keys), _kept.get()
    found = {key: known[key] for key in wanted & known.keys()} if known else {}
    by_model: dict[str, list[str]] = {}
    for name, pk in wanted - found.keys():
        by_model.setdefault(name, []).append(pk)
    # Operations last: they belong where their subjects do, which are often among these rows.
    for name in sorted(by_model, key=lambda name: name == _name_of(Operation)):
        found.update({(name, pk): place for pk, place in _find(name, by_model[name]).items()})
        if known is not None:
            known.update(found)
    return {key: place for key, place in found.items() if place}


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Look each row up once, for the length of a with block in which its address cannot be edited."""
    before = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(before)


def instance_paths(model: type[models.Model]) -> list[str]:
    """The ways from a model to its UMP instance."""
    return [way.paths["instance"] for way in _ways.get(_name_of(model), []) if "instance" in way.paths]


def annotations(model: type[models.Model]) -> dict[str, Any]:
    """`place_host` and `place_customer` for a list of the model's rows: text, empty where there is none."""
    hosts = [
        When(
            **{f"{path}__isnull": False},
            then=Concat(
                F(_below(path, "app_name")), Value("."), F(_below(path, "provider__domain")), output_field=CharField()
            ),
        )
        for path in instance_paths(model)
    ]
    customers = [
        When(**{f"{way.paths['customer']}__isnull": False}, then=F(_below(way.paths["customer"], "name")))
        for way in _ways.get(_name_of(model), [])
        if "customer" in way.paths
    ]
    return {
        "place_host": Case(*hosts, default=Value(""), output_field=CharField()),
        "place_customer": Case(*customers, default=Value(""), output_field=CharField()),
    }


def with_host(label: str, host: str, limit: int = 255) -> str:
    """The label with the host that tells it from others of its name; within the limit the host is kept whole."""
    if not host or host in label or label[:limit] == host[:limit]:
        return label[:limit]
    return f"{label[: max(limit - len(host) - 2, 0)]}, {host}"[:limit]


def _find(name: str, ids: list[str]) -> dict[str, Place]:
    ways, finder = _ways.get(name, []), _finders.get(name)
    found: dict[str, Place] = {}
    if ways and (ids := [pk for pk in ids if _is_key(ways[0].model, pk)]):
        paths = [path for way in ways for path in (*way.columns().values(), *way.names())]
        rows = ways[0].model._default_manager.filter(pk__in=ids).order_by()
        for pk, *values in rows.values_list("pk", *paths):
            found[str(pk)] = Place()
            for way in ways:
                found[str(pk)] |= way.place(values)
    for pk, place in finder(ids).items() if finder and ids else ():
        found[str(pk)] = found.get(str(pk), Place()) | place
    return found


def _of_operations(ids: list[Any]) -> dict[Any, Place]:
    """An operation belongs where its subject does, and to its bulk job."""
    rows = Operation.objects.filter(pk__in=[pk for pk in ids if _is_key(Operation, pk)]).order_by()
    columns = rows.values_list("pk", "subject_type", "subject_id", "bulk_item__part__job")
    subjects = {pk: ((name, str(subject)), Place(job_id=job)) for pk, name, subject, job in columns}
    found = of(key for key, _ in subjects.values())
    return {pk: found.get(key, Place()) | of_job for pk, (key, of_job) in subjects.items()}


def _of_jobs(ids: list[Any]) -> dict[Any, Place]:
    """A bulk job belongs to a provider if all its instances do; one of several providers' belongs to none."""
    items = BulkItem.objects.filter(part__job__in=ids).order_by()
    pairs = items.values_list("part__job", "instance__provider", "part__tenant").distinct()
    found: dict[Any, set[tuple[Any, Any]]] = {}
    for job, provider, tenant in pairs:
        found.setdefault(job, set()).add((provider, tenant))
    alone = {job: next(iter(of_job)) for job, of_job in found.items() if len(of_job) == 1}
    return {job: Place(provider_id=provider, tenant_id=tenant) for job, (provider, tenant) in alone.items()}


def _is_key(model: type[models.Model], pk: str) -> bool:
    try:
        model._meta.pk.to_python(pk)
    except ValidationError:
        return False
    return True


def _below(path: str, name: str) -> str:
    return name if path == "pk" else f"{path}__{name}"


def _name_of(model: type[models.Model]) -> str:
    return model._meta.model_name or ""
