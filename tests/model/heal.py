"""A site fails over to a copy that lacks the newest entries of its log, of which peers may have received some (R13).

The check of the log's history finds the loss when the site's process starts. Then, as one step that all peers take part in:
the site begins a new incarnation, an origin of its own; the peer that has most of the old one gives back what the log lost;
and every peer lowers what it took for acknowledged, and reads its own log again from a checkpoint below that."""

from .node import Node
from .stream import Broken
from .versions import merge

MOST = 20  # entries lost


def lose(world, i, entries):
    """The fail-over. Whatever the server or the process held in memory is gone with it."""
    site = world.sites[i]
    place = len(site.log) - entries
    if place < 1:
        return
    world.note("lost tail")
    world.lost[i] = list(site.log)
    site.restore(site.history[place - 1])
    del site.log[place:], site.history[place:]
    for later in [p for p in site.first if p >= place]:
        del site.first[later]
    site.lost_from = place
    site.forget_sessions()
    world.users[i].clear()
    for zombie in [z for z in world.zombies if z.site is site]:
        zombie.dead = True
        world.zombies.remove(zombie)
    node = world.nodes[i]
    node.dead = True
    world.nodes[i] = Node(site)
    for j in node.peers:
        world.connect(i, j)
        world.connect(j, i)


def heal(world, site):
    """False: a peer cannot answer yet."""
    number, sites = site.number, world.config.sites
    peers = [world.nodes[j] for j in range(sites) if j != number]
    if not all(can_answer(world, node) for node in peers) or not all([settle(node, number) for node in peers]):
        return False
    surviving = survived(site, sites)
    mine = surviving.get(number, 0)
    best = max(peers, key=lambda node: node.site.progress(number))
    final = world.final[number] = max(mine, best.site.progress(number))
    given = given_back(world, best.site, number)
    site.breaks[site.lost_from] = 1
    site.lost_from = None
    site.lanes[number, "own"] = mine
    for node in [world.nodes[number]] + peers:
        progress = node.site.progress(number)
        if world.config.give_back and mine < final and progress < final:  # (else the surviving log has it all)
            messages = [m for m in given if m[2] > progress]
            node.site.given[number] = (final, messages)
            world.trimmed.update({(node.site.number, number, m[2]): m[5] for m in messages})
    for node in peers:
        begin_again(node, number, number + sites, surviving)
    for state in [site] + [node.site for node in peers]:
        if state.history:
            state.history[-1] = state.snapshot()
    return True


def settle(node, origin):
    """The peer rolls back what is not on its way, and begins at its lanes again; what may yet commit is waited for."""
    site = node.site
    for stream in node.streams:
        for group in stream.groups:
            group.release()
    node.restart_streams()
    return not any(key[0] == "l" and key[1] == origin for key in site.locks)


def can_answer(world, node):
    sent = any(group.phase == group.sent for stream in node.streams for group in stream.groups)
    return node.ready and not node.dead and not sent and not any(z.site is node.site for z in world.zombies)


def survived(site, sites):
    """The vector of what the surviving log holds; users may have written on behind it."""
    vector = {}
    for entry in site.log[:site.lost_from]:
        if entry.kind == "apply":
            for mark in entry.marks:
                merge(vector, {mark[0]: mark[1]})
        elif entry.kind == "local":
            merge(vector, {site.number: vector.get(site.number, 0) + 1})
    return vector


def given_back(world, holder, origin):
    """From the holder's own log: the keys that won there, with their images (all keys where marks carry the operations)."""
    given = []
    for entry in holder.log:
        for mark in entry.marks:
            if mark[0] == origin:
                keys = {won[0] for won in mark[4]}
                ops = [op for op in world.sent[origin, mark[1]] if op[0] in keys]
                given.append(("t", origin, mark[1], mark[2], mark[3], ops))
    return given


def begin_again(node, old, new, surviving):
    site = node.site
    site.lanes[new, 0] = 0
    if node.config.lower_acks:
        lowered = {o: min(n, surviving.get(o, 0)) for o, n in site.heard.get(old, {}).items()}
        site.heard[old], node.acks[old] = lowered, dict(lowered)
        if not any(c["place"] == 0 or node.usable(c) for c in site.checkpoints):
            raise Broken("PURGED: no checkpoint is old enough")
        node.reread()
    node.restart_streams()
