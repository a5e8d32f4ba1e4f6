"""The smallest voice agent in Python: joins the call's room, plays a tone to the caller, leaves when it is told to or when
the room is gone. The two parts between rulers are all that sipbridge asks of it: lift them into your own agent."""
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
import contextlib
import math
from array import array

from livekit import rtc

RATE, PITCH_HZ, FRAME = 48000, 440, 4800
TONE = array("h", (round(8000 * math.sin(2 * math.pi * PITCH_HZ * n / RATE)) for n in range(FRAME))).tobytes()


async def talk(source):
    while True:  # FRAME holds a whole number of waves
        await source.capture_frame(rtc.AudioFrame(TONE, RATE, 1, FRAME))


async def main():
    # What can be made without a call is made before wait_for_call: a standby has it behind it when the phone rings.
    room, over = rtc.Room(), asyncio.Event()
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    if os.environ.get("SIP_STANDBY") == "1":  # so is what the first connect() sets up, by one to where nobody listens
        with contextlib.suppress(rtc.ConnectError):
            await rtc.Room().connect("ws://127.0.0.1:1", "-")
    room.on("disconnected", lambda *_: over.set())
    room.on("track_subscribed", lambda _track, _publication, who: print(f"I hear {who.identity}"))

    # --- sipbridge, part 2: nothing is connected before the call; told to stop in it: leave -----------------------------
    call = wait_for_call()
    await room.connect(call["livekit_url"], call["token"])
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: loop.is_closed() or loop.call_soon_threadsafe(over.set))
    # --- end of part 2 -------------------------------------------------------------------------------------------------
    print(f"call {call['call_sid']}: {call['caller'] or 'somebody'} dialled {call['called'] or 'a hidden number'}")
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    talking = asyncio.create_task(talk(source))
    await over.wait()
    talking.cancel()
    await room.disconnect()


asyncio.run(main())
# Not by the interpreter's own end: LiveKit's audio thread may call Python during it, which aborts the process (signal 6).
sys.stdout.flush()
os._exit(0)
