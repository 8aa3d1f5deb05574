"""A switch between machines on which every frame takes its time: slow-link.py DELAY_MS TAP...

Makes the taps, says "ready", and carries frames until its standard input ends or it is killed; the taps end with it.
"""
import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LONGEST_FRAME = 65536

delay = int(sys.argv[1]) / 1000
taps = []
for name in sys.argv[2:]:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    taps.append(tap)
print("ready", flush=True)

home = {}  # Where a hardware address was last heard.
under_way = []  # (when due, number, frame, to whom): the number keeps the order.
number = 0
while True:
    wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
    readable, _, _ = select.select([*taps, sys.stdin], [], [], wait)
    if sys.stdin in readable:
        break
    for tap in readable:
        try:
            frame = os.read(tap, LONGEST_FRAME)
        except OSError:
            continue  # Not up yet.
        target, source = frame[:6], frame[6:12]
        home[source] = tap
        to = [home[target]] if target in home else [other for other in taps if other != tap]
        number += 1
        heapq.heappush(under_way, (time.monotonic() + delay, number, frame, to))
    while under_way and under_way[0][0] <= time.monotonic():
        _, _, frame, to = heapq.heappop(under_way)
        for tap in to:
            try:
                os.write(tap, frame)
            except OSError:
                pass  # Down, or full: a frame is lost, as on any wire.
