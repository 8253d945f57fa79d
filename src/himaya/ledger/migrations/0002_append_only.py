"""The database itself refuses to change or delete an entry."""

from django.db import migrations

from himaya.ledger import append_only


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda _, editor: append_only.install(editor.connection),
            lambda _, editor: append_only.unsafe_remove(editor.connection),
        )
    ]
