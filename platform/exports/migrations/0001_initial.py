import django.db.models.deletion
import django.utils.timezone
import resources.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0002_per_tenant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                (
                    "id",
                    models.UUIDField(default=resources.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("tags", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("listing", models.CharField(help_text="Names the list.", max_length=60)),
                ("query", models.TextField(blank=True, help_text="Its filters, as the page's address had them.")),
                ("format", models.CharField(choices=[("CSV", "CSV"), ("XLSX", "XLSX")], max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("SENT", "Sent at once"),
                            ("QUEUED", "Waiting"),
                            ("RUNNING", "Running"),
                            ("DONE", "Done"),
                            ("FAILED", "Failed"),
                            ("CANCELED", "Canceled"),
                            ("EXPIRED", "Expired"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "made_by_kind",
                    models.CharField(
                        choices=[
                            ("PERSON", "Person"),
                            ("API_USER", "Api User"),
                            ("SYSTEM", "System"),
                            ("STRANGER", "not logged in"),
                        ],
                        max_length=10,
                    ),
                ),
                ("made_by_id", models.UUIDField(null=True)),
                ("made_by_name", models.CharField(blank=True, max_length=200)),
                (
                    "made_by_role",
                    models.CharField(
                        choices=[
                            ("ROLE_ADMIN", "Admin"),
                            ("ROLE_PLATFORM", "Platform"),
                            ("ROLE_PARTNER", "Partner"),
                            ("ROLE_MERCHANT", "Merchant"),
                        ],
                        help_text="In which role; in another it is refused.",
                        max_length=20,
                    ),
                ),
                ("made_by_identity_id", models.UUIDField(help_text="Of a merchant who asked for it.", null=True)),
                ("rows", models.BigIntegerField(default=0, help_text="Written by now; of one that was sent, all.")),
                (
                    "expected_rows",
                    models.BigIntegerField(default=0, help_text="As the planner guessed when it was asked for."),
                ),
                ("chunks", models.PositiveIntegerField(default=0, help_text="Written by now.")),
                ("last_created_at", models.DateTimeField(help_text="Of the last row that was written.", null=True)),
                ("last_id", models.UUIDField(null=True)),
                ("size", models.BigIntegerField(default=0, help_text="Bytes of the whole file.")),
                ("error", models.CharField(blank=True, max_length=300)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.application",
                    ),
                ),
            ],
            options={
                "db_table": "export",
            },
        ),
        migrations.CreateModel(
            name="ExportChunk",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("application_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("content", models.BinaryField(help_text="zlib.")),
                (
                    "export",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="exports.export",
                    ),
                ),
            ],
            options={
                "db_table": "export_chunk",
            },
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(fields=["application", "made_by_id", "-created_at", "-id"], name="export_of_its_maker"),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(
                condition=models.Q(("state__in", ["QUEUED", "RUNNING"])), fields=["updated_at"], name="export_open"
            ),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(condition=models.Q(("state", "DONE")), fields=["expires_at"], name="export_expires"),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.UniqueConstraint(fields=("application", "id"), name="export_within_application"),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(models.Q(("error", ""), _negated=True), ("state", "FAILED")),
                    models.Q(("error", ""), models.Q(("state", "FAILED"), _negated=True)),
                    _connector="OR",
                ),
                name="export_failed_with_an_error",
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("expires_at__isnull", False),
                        ("finished_at__isnull", False),
                        ("state__in", ["DONE", "EXPIRED"]),
                    ),
                    models.Q(models.Q(("state__in", ["DONE", "EXPIRED"]), _negated=True), ("expires_at", None)),
                    _connector="OR",
                ),
                name="export_done_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("last_created_at", None), ("last_id", None)),
                    models.Q(("last_created_at__isnull", False), ("last_id__isnull", False)),
                    _connector="OR",
                ),
                name="export_stands_on_one_row",
            ),
        ),
        migrations.AddConstraint(
            model_name="exportchunk",
            constraint=models.UniqueConstraint(fields=("export", "number"), name="export_chunk_once"),
        ),
    ]
