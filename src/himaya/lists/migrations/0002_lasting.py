"""The database itself refuses to delete items, and to change or delete what was said about them."""

from django.db import migrations

from himaya.lists import lasting


class Migration(migrations.Migration):
    dependencies = [("lists", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda _, editor: lasting.install(editor.connection),
            lambda _, editor: lasting.unsafe_remove(editor.connection),
        )
    ]
