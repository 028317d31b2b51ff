"""link.py PORT MS: listens on a port of loopback, says which, and hands on to PORT, and back, every byte MS later."""

import asyncio
import contextlib
import subprocess
import sys
import types

CHUNK = 1 << 16
HELD = 1 << 24  # bytes on their way; a link of 20 ms would hold as much at 6 Gbit/s


@contextlib.contextmanager
def late(server, each_way_ms):
    """What to connect to in the server's place."""
    process = subprocess.Popen([sys.executable, __file__, str(server.port), str(each_way_ms)], stdout=subprocess.PIPE)
    try:
        yield types.SimpleNamespace(port=int(process.stdout.readline()), engine=server.engine)
    finally:
        process.kill()
        process.wait()


async def hand_on(reader, writer, delay_s):
    loop = asyncio.get_running_loop()
    on_its_way = asyncio.Queue(maxsize=HELD // CHUNK)

    async def deliver():
        while True:
            due, data = await on_its_way.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        data = b"-"
        while data:
            data = await reader.read(CHUNK)
            await on_its_way.put((loop.time() + delay_s, data))
        await delivery
    except ConnectionError:
        delivery.cancel()
        writer.close()


async def main(port, delay_s):
    async def serve(reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(hand_on(reader, far_writer, delay_s), hand_on(far_reader, writer, delay_s))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
