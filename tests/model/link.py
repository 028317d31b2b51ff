"""One direction between two sites: a sending cursor, a bounded number of messages under way, several connections that do not
keep order among each other, and the receiver that puts them in order again."""

import collections


class Link:
    def __init__(self, connections, record):
        self.connections, self.record = connections, record  # record: (origin, seq) -> what was sent
        self.closed_until = 0
        self.reset(None, {})

    def reset(self, reader, progress):
        """A new connection: what was under way is gone, and sending resumes at the receiver's lanes."""
        self.reader, self.progress = reader, progress
        self.position = self.sent = self.taken = 0
        self.wires = [collections.deque() for _ in range(self.connections)]
        self.arrived = [collections.deque() for _ in range(self.connections)]

    def pending(self):
        return self.sent - self.taken

    def next(self):
        """The message to send, or None. What the receiver has, and a heartbeat right before a newer one, are passed over."""
        messages, position = self.reader.messages, self.position
        while position < len(messages):
            kind, origin, seq = messages[position][:3]
            if kind == "t":
                if seq > self.progress.get(origin, 0):
                    break
            elif seq >= self.progress.get(origin, 0) and not (position + 1 < len(messages) and messages[position + 1][0] == "h"):
                break
            position += 1
        self.position = position
        return messages[position] if position < len(messages) else None

    def send(self):
        message = self.next()
        if message is None:
            return False
        if message[0] == "t":
            self.record[message[1], message[2]] = message[5]
        self.wires[self.sent % self.connections].append(message)
        self.sent += 1
        self.position += 1
        return True

    def carry(self, choose):
        wire = choose(self.connections)
        if self.wires[wire]:
            for _ in range(1 + choose(len(self.wires[wire]))):
                self.arrived[wire].append(self.wires[wire].popleft())

    def queue(self, reassemble):
        """The arrived messages whose turn it is; None if there are none."""
        turn = self.arrived[self.taken % self.connections]
        if turn or reassemble:
            return turn or None
        return next((q for q in self.arrived if q), None)

    def empty(self):
        return not self.pending() and self.next() is None
