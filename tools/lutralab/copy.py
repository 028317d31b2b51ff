"""A first copy by hand: all rows of a schema's tables from one server to another, while nobody writes at either."""

import contextlib

import pymysql

from .workload import SQL_MODE

ROWS = 200  # of one INSERT


def _columns(connection, schema, table):
    """[(name, how to read it, how to write that)] of the columns that can be written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name, LOWER(data_type) FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                       " AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position", (schema, table))
        # A FLOAT is printed with six digits, a DOUBLE with all; a BIT is bytes.
        how = {"float": ("{} * 1E0", "%s"), "bit": ("{} + 0", "CAST(%s AS UNSIGNED)")}
        return [(f"`{name}`", how.get(kind, ("{}", ""))[0].format(f"`{name}`"), how.get(kind, ("", "%s"))[1])
                for name, kind in cursor.fetchall()]


def copy_schema(source, target, schema):
    """Replace the rows of every table of the schema at the target by the source's; neither log sees it."""
    settings = f"SET SESSION sql_log_bin=0, foreign_key_checks=0, time_zone='+00:00', sql_mode='{SQL_MODE}'"
    with contextlib.closing(source.connect(schema, init_command=settings, conv={})) as read, \
            contextlib.closing(target.connect(schema, init_command=settings, autocommit=False)) as write, write.cursor() as cursor:
        with contextlib.closing(source.connect(schema)) as c, c.cursor() as names:
            names.execute("SHOW FULL TABLES WHERE table_type = 'BASE TABLE'")
            tables = {table: _columns(c, schema, table) for table, _ in names.fetchall()}
        for table, columns in tables.items():
            cursor.execute(f"DELETE FROM `{table}`")
            tuples = f"({', '.join(to for _, _, to in columns)})"
            with contextlib.closing(read.cursor(pymysql.cursors.SSCursor)) as copied:
                copied.execute(f"SELECT {', '.join(how for _, how, _ in columns)} FROM `{table}`")
                while rows := copied.fetchmany(ROWS):
                    cursor.execute(f"INSERT INTO `{table}` ({', '.join(name for name, _, _ in columns)}) VALUES {', '.join([tuples] * len(rows))}",
                               [v for row in rows for v in row])
        write.commit()
