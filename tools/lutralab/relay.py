"""A TCP relay in front of a server: slow, deaf, cut, or led elsewhere, while both ends believe in their connections.

    with Relay("127.0.0.1", server.port) as relay:  connect to relay.port
        relay.pause_s = 0.02                        every piece is late by so much, in each direction
        relay.bytes_per_s = 200_000                 and there are no more of them
        relay.reset(lose=True)                      connections end; the client hears nothing of it where its link is down
"""

import contextlib
import socket
import struct
import threading
import time

PIECE = 65536


class Relay:
    """Owned by the thread that made it; what may be set may be set while connections stand."""

    def __init__(self, host, port, listen="127.0.0.1"):
        self.to = (host, port)
        self.pause_s = 0.0
        self.bytes_per_s = None
        self._pairs = set()
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

    def reset(self, lose=False):
        """End all connections: in order, or with a reset that is sent once and never again."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    if lose:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        one.shutdown(socket.SHUT_RDWR)
                one.close()

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
            pair = (near, far)
            with self._lock:
                self._pairs.add(pair)
            for a, b in (pair, pair[::-1]):
                threading.Thread(target=self._carry, args=(a, b, pair), daemon=True).start()

    def _carry(self, a, b, pair):
        with contextlib.suppress(OSError):
            while piece := a.recv(PIECE):
                if self.pause_s:
                    time.sleep(self.pause_s)
                if self.bytes_per_s:
                    time.sleep(len(piece) / self.bytes_per_s)
                b.sendall(piece)
        with self._lock:
            mine = pair in self._pairs
            self._pairs.discard(pair)
        if mine:  # else reset() ends them in its own way
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
