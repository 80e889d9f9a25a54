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
        ),
        # The table keeps its name; the content type is renamed with the model.
        migrations.AlterModelTable("passwordtry", "registrations_passwordtry"),
        migrations.RenameModel("PasswordTry", "LoginAttempt"),
        migrations.AlterModelOptions(
            "loginattempt", {"default_permissions": (), "ordering": ["-at"], "verbose_name": "login attempt"}
        ),
        # Labels and help texts.
        migrations.AlterField(
            "appregistration",
            "adopted",
            models.BooleanField(
                default=False, help_text="It existed before, and a person confirmed that it is taken over."
            ),
        ),
        migrations.AlterField(
            "appregistration",
            "made_at",
            models.DateTimeField(
                blank=True, help_text="When its IDs became known: replication is counted from then.", null=True
            ),
        ),
        migrations.AlterField(
            "appregistration",
            "managed",
            models.BooleanField(
                default=True,
                help_text="SyncPortal may change it and its secrets. Off if the customer created it and entered its values.",
            ),
        ),
        migrations.AlterField(
            "bulkitem",
            "status",
            models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("begun", "Started"),
                    ("refused", "Refused"),
                    ("cancelled", "Cancelled"),
                ],
                default="pending",
                max_length=20,
            ),
        ),
    ]
