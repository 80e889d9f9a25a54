"""Delivery: getting the sync app's values into a UMP."""

from registrations.delivery.handover_sheet import SheetDelivery
from registrations.delivery.port import Delivery
from registrations.delivery.ump_api import ApiDelivery
from registrations.models import UmpInstance


def adapter_of(instance: UmpInstance) -> Delivery:
    """The adapter that fits the instance."""
    return ApiDelivery(instance) if instance.delivery == UmpInstance.Delivery.API else SheetDelivery(instance)
