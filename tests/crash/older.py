"""A database put back to an older state, as from a backup: the files beside it, the ledger among them, stay as they are."""

from contextlib import closing

import psycopg2
from django.conf import settings
from django.db import connection
from psycopg2 import sql

from tenants import gate, roles


class Older:
    """The database as it was when this was made; `put_back` makes it the deployment's again."""

    def __init__(self, name: str = "older") -> None:
        self.name = settings.DATABASES["default"]["NAME"]
        self.copy = f"{self.name}_{name}"
        self._run("DROP DATABASE IF EXISTS {copy} WITH (FORCE)", "CREATE DATABASE {copy} TEMPLATE {name}")

    def put_back(self) -> None:
        # Without a checkpoint a server that is killed gives numbers of the copied sequences twice: what it had written
        # ahead of them was the original's.
        self._run("DROP DATABASE {name} WITH (FORCE)", "CREATE DATABASE {name} TEMPLATE {copy}", "CHECKPOINT")
        roles.set_up(settings.SMOALL_ADMIN_URL, self.name, settings.SMOALL_LOGINS)
        gate.GATE.look_again()

    def forget(self) -> None:
        self._run("DROP DATABASE IF EXISTS {copy} WITH (FORCE)")

    def _run(self, *statements: str) -> None:
        connection.close()
        names = {"name": sql.Identifier(self.name), "copy": sql.Identifier(self.copy)}
        with closing(psycopg2.connect(settings.SMOALL_ADMIN_URL)) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.name]
                )
                for statement in statements:
                    cursor.execute(sql.SQL(statement).format(**names))
