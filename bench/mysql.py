"""mysql: the backlog of apply.py between two MySQL servers, against MySQL's own replica; also in merge mode."""

from apply import catch_up


def run():
    catch_up("apply.mysql", {"relaxed": 2, "durable": 3.5}, engine="mysql")
    catch_up("apply.mysql.merge", {"relaxed": 3, "durable": 5}, ["mode: merge"], engine="mysql")
