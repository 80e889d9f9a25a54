"""What SyncPortal last made sure of in Entra. Empty means not known: so it is for every application of before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registrations", "0017_add_request_windows"),
    ]

    operations = [
        migrations.AddField(
            model_name="appregistration",
            name="applied_settings",
            field=models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="What SyncPortal last made sure of in Entra, in Graph's properties; empty if that is not known.",
            ),
        ),
    ]
