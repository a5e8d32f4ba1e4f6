"""An agent of livekit-agents without LiveKit's worker: its own AgentSession, in a room joined with the call's token. It says
one recorded sentence (a tone) for as long as the call lasts; give the session your stt, llm and tts, and it talks."""
# --- sipbridge, part 1: before the slow imports. Told to stop while no call has come: it ends at once. -----------------
import json, os, signal, socket, sys  # noqa: E401
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def wait_for_call():
    """Says that all is loaded, and returns the call: at once when started for one, later as a standby. No call: exit 0."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + path[1:] if path[0] == "@" else path)
    line = sys.stdin.buffer.readline()
    return json.loads(line) if line else sys.exit(0)
# --- end of part 1 -----------------------------------------------------------------------------------------------------


import asyncio
import math
from array import array

import livekit.agents.ipc._preload  # noqa: F401  what LiveKit's worker has loaded before a call: libraries, models
from livekit import rtc
from livekit.agents import Agent, AgentSession, utils
from livekit.agents.voice.room_io import RoomOptions

RATE, PITCH_HZ, FRAME = 24000, 440, 2400
TONE = array("h", (round(8000 * math.sin(2 * math.pi * PITCH_HZ * n / RATE)) for n in range(FRAME))).tobytes()


async def recorded(seconds):
    for _ in range(seconds * RATE // FRAME):  # FRAME holds a whole number of waves
        yield rtc.AudioFrame(TONE, RATE, 1, FRAME)


class Receptionist(Agent):
    def __init__(self):
        super().__init__(instructions="Answer the phone.")

    async def on_enter(self):
        self.session.say("Hello!", audio=recorded(seconds=3), allow_interruptions=False)


async def main():
    async with utils.http_context.open():  # plugins ask for it; a worker would open it for them
        # What can be made without a call is made before wait_for_call: a standby has it behind it when the phone rings.
        agent, session = Receptionist(), AgentSession()
        room, over, errors = rtc.Room(), asyncio.Event(), []
        room.on("disconnected", lambda *_: over.set())

        @session.on("close")
        def closed(event):  # by itself: a tool of yours ended the call, or a model failed for good
            errors.extend([event.error] if event.error else [])
            over.set()

        # --- sipbridge, part 2: nothing is connected before the call; told to stop in it: leave -------------------------
        call = wait_for_call()
        await room.connect(call["livekit_url"], call["token"])
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTERM, lambda *_: loop.is_closed() or loop.call_soon_threadsafe(over.set))
        # --- end of part 2 ---------------------------------------------------------------------------------------------
        print(f"call {call['call_sid']}: {call['caller'] or 'somebody'} dialled {call['called'] or 'a hidden number'}")
        # sipbridge knows when the last caller has gone; the session would end with the first.
        await session.start(agent, room=room, room_options=RoomOptions(close_on_disconnect=False))
        await over.wait()
        await session.aclose()
        await room.disconnect()
        if errors:
            sys.exit(f"the session failed: {errors[0]}")  # status 1: another agent takes the call over


asyncio.run(main())
# Not by the interpreter's own end: LiveKit's audio thread may call Python during it, which aborts the process (signal 6).
sys.stdout.flush()
os._exit(0)
