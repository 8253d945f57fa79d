"""The database itself refuses to change or delete steps of custody."""

from django.db import migrations

from himaya.evidence.lasting import STEPS


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda _, editor: STEPS.install(editor.connection),
            lambda _, editor: STEPS.unsafe_remove(editor.connection),
        )
    ]
