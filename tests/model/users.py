"""A user's transaction at a site: a few statements, a COMMIT; a lock wait that takes too long rolls it back."""

from .config import RULES, YEARS
from .fold import unique_values
from .server import Entry, Job

PATIENCE = 12  # steps


class UserTransaction:
    def __init__(self, site):
        world = site.world
        self.site, self.config, self.rnd, self.choose = site, site.config, world.rnd, world.choose
        self.session = world.session()
        self.left = 1 + self.choose(self.config.size)
        self.ops = {}  # key -> (before, after)
        self.waits = 0
        self.action = None  # the statement that waits: (kind, key, argument)
        self.images = None  # [(key, after)], once its rows are locked
        self.done = False
        self.begun = site.clock()  # stamps are of the statement, not of the commit

    def row(self, key):
        return self.ops[key][1] if key in self.ops else self.site.rows.get(key)

    def step(self):
        if self.action is None and self.left:
            self.left -= 1
            self.action = self.statement()
        if self.action:
            if not self.lock():
                self.waits += 1
                if self.waits > PATIENCE:
                    self.end()
                return
            self.write()
        if not self.left:
            self.commit()

    def end(self):
        self.site.unlock(self.session)
        self.done = True

    def statement(self):
        choose, chance = self.choose, self.rnd()
        key = choose(self.config.keys)
        old = self.row(key)
        if self.config.policy == "tally":
            return ("add", key, None)
        if RULES[self.config.policy] is not None:
            if old is None:
                return ("put", key, (choose(5), choose(50), choose(100)))
            return ("delete", key, None) if chance < 0.15 else ("edit", key, None)
        if self.config.policy == "unique" and (old is None or 0.45 <= chance < 0.75):
            return ("put", key, (self.unique(), self.unique(), choose(5)))
        if old is None:
            return ("put", key, (None, None, choose(5)))
        if chance < 0.3:
            return ("delete", key, None)
        if chance < 0.45:
            return ("move", key, choose(self.config.keys))
        return ("value", key, None)

    def unique(self):
        return self.choose(self.config.values) if self.rnd() < 0.7 else None

    def lock(self):
        site, session = self.site, self.session
        kind, key, argument = self.action
        for k in (key, argument) if kind == "move" else (key,):
            if not site.lock(("p", k), session):
                return False
        if self.images is None:
            self.images = self.outcome(kind, key, argument)
        if self.config.policy == "unique":
            for k, after in self.images:
                for value in unique_values(self.row(k)) + unique_values(after):
                    if not site.lock(("u",) + value, session):
                        return False
        return True

    def outcome(self, kind, key, argument):
        """What the statement makes of the rows that it has locked."""
        old = self.row(key)
        if kind == "put":
            return [(key, argument)]
        if old is None:
            return []
        if kind == "delete":
            return [(key, None)]
        if kind == "move":  # a change of the primary key
            return [(key, None), (argument, old)] if self.row(argument) is None else []
        row = list(old)
        column = 2 if kind != "edit" else self.choose(3)
        if kind == "add" or RULES[self.config.policy] and RULES[self.config.policy][column] != "last":
            row[column] += self.choose(19) - 9
        else:
            row[column] = self.choose(5)
        return [(key, tuple(row))]

    def write(self):
        images, self.images, self.action = self.images, None, None
        if self.config.policy == "unique":
            now = {key: self.row(key) for key in set(self.site.rows) | set(self.ops)}
            now.update(images)
            taken = [value for row in now.values() for value in unique_values(row)]
            if len(taken) != len(set(taken)):
                return  # 1062: the statement is undone
        for key, after in images:
            before = self.ops[key][0] if key in self.ops else self.site.rows.get(key)
            self.ops[key] = (before, after)

    def commit(self):
        ops = [(key, before, after) for key, (before, after) in sorted(self.ops.items()) if before != after]
        if ops:
            stamp = self.begun
            if self.config.lies and self.rnd() < 0.05:
                stamp += YEARS if self.rnd() < 0.5 else -YEARS
            coarse = self.config.coarse
            entry = Entry("local", stamp=stamp // coarse * coarse, ops=ops, user=True)
            self.site.commit(Job(self.session, {key: after for key, _, after in ops}, entry))
            self.done = True
        else:
            self.end()
