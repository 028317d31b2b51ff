"""merge: the backlog of apply.py in merge mode."""

from apply import catch_up


def run():
    catch_up("apply.merge", {"relaxed": 3, "durable": 5}, ["mode: merge"])
