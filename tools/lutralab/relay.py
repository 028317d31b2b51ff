"""A TCP relay in front of a server: slow, deaf, cut, or led elsewhere, while both ends believe in their connections.

    with Relay("127.0.0.1", server.port) as relay:  connect to relay.port
        relay.pause_s = 0.02                        every piece is late by so much, in each direction
        relay.bytes_per_s = 200_000                 and there are no more of them
        relay.reset(lose=True)                      connections end; the client hears nothing of it where its link is down
"""

import contextlib
import select
import socket
import struct
import threading
import time

from .servers import wait_until

PIECE = 65536
LOOK_S = 0.05


class _Pair:
    """A connection from the client and the one to the server; two threads carry, the last one of them closes."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.over = self.lose = self.forget = False
        self.carriers = 2


class Relay:
    """Owned by the thread that made it; what may be set may be set while connections stand."""

    def __init__(self, host, port, listen="127.0.0.1"):
        self.to = (host, port)
        self.pause_s = 0.0
        self.bytes_per_s = None
        self._pairs = set()
        self._forgotten = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((listen, 0))
        self.host, self.port = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # close() alone does not wake accept()
        self._listener.close()
        self.reset()
        for far in self._forgotten:
            far.close()

    def reset(self, lose=False, forget=False):
        """End all connections; with `lose` the client gets a reset that is sent once and never again, with `forget` the server hears
        nothing of it. Returns when it is done."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.lose, pair.forget = lose, forget
            pair.over = True
        wait_until(lambda: not self._pairs.intersection(pairs), 30, "the connections to end")

    def edit(self, piece, pair, to_server):
        """What is passed on for a piece; a test that makes the relay lie says another thing."""
        return piece

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.to, timeout=10)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(near, far)
            with self._lock:
                self._pairs.add(pair)
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b, pair), daemon=True).start()

    def _send(self, b, piece, pair):
        """All of it, or what goes before the connection is over: who is on the other side may take nothing for ever."""
        while piece and not pair.over:
            if not select.select([], [b], [], LOOK_S)[1]:
                continue
            with contextlib.suppress(BlockingIOError):
                piece = piece[b.send(piece, socket.MSG_DONTWAIT):]

    def _carry(self, a, b, pair):
        with contextlib.suppress(OSError):
            while not pair.over:
                # A socket that another thread closes stays open for who waits in it: so nobody waits in it.
                if not select.select([a], [], [], LOOK_S)[0]:
                    continue
                piece = a.recv(PIECE)
                if not piece:
                    break
                time.sleep(self.pause_s + (len(piece) / self.bytes_per_s if self.bytes_per_s else 0))
                self._send(b, self.edit(piece, pair, a is pair.near), pair)
        pair.over = True
        with self._lock:
            pair.carriers -= 1
            last = pair.carriers == 0
        if not last:
            return
        if pair.lose:
            pair.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.near.close()
        if pair.forget:
            self._forgotten.append(pair.far)
        else:
            pair.far.close()
        with self._lock:
            self._pairs.discard(pair)
