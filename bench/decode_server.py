"""decode.server: what decode.py measures with a server, by itself."""

import decode


def run():
    decode.run(decode.from_server)
