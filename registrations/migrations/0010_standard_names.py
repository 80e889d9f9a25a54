"""Standard names in Python for tables and columns that stay as they are: nothing changes in the database."""

from django.db import migrations, models

import registrations.models.steps


class Migration(migrations.Migration):
    dependencies = [("registrations", "0009_bulk_jobs")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("operation", "lane", "priority"),
                migrations.AlterField(
                    "operation",
                    "priority",
                    models.CharField(
                        choices=[
                            ("interactive", "A person waits for it"),
                            ("mail", "Mail"),
                            ("bulk", "Part of a bulk job"),
                        ],
                        db_column="lane",
                        default="interactive",
                        help_text="Its queue in Celery.",
                        max_length=20,
                    ),
                ),
                migrations.AlterField(
                    "operation",
                    "notes",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What its steps remember for each other; never a secret.",
                    ),
                ),
                migrations.AlterField("operation", "steps", registrations.models.steps.StepsField(default=list)),
                migrations.AlterField(
                    "operation",
                    "waits_for",
                    models.CharField(
                        blank=True,
                        choices=[("staff", "Staff"), ("customer", "The customer's administrator")],
                        help_text="Empty if it waits for time only.",
                        max_length=20,
                    ),
                ),
            ]
        )
    ]
