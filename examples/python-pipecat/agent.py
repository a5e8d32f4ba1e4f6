"""A Pipecat bot as an agent: its LiveKit transport with the call's token. It plays one recorded sentence (a tone); put your
stt, llm and tts between the transport's input and output, and it talks."""
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

from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.transports.livekit.transport import LiveKitParams, LiveKitTransport
from pipecat.workers.runner import WorkerRunner

RATE, PITCH_HZ, SECONDS = 24000, 440, 3
TONE = array("h", (round(8000 * math.sin(2 * math.pi * PITCH_HZ * n / RATE)) for n in range(SECONDS * RATE))).tobytes()


async def main():
    # --- sipbridge, part 2: nothing is connected before the call; told to stop in it: leave -----------------------------
    call = wait_for_call()
    params = LiveKitParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_sample_rate=RATE)
    transport = LiveKitTransport(call["livekit_url"], call["token"], call["room"], params)
    runner = WorkerRunner(handle_sigterm=True)
    # --- end of part 2 -------------------------------------------------------------------------------------------------
    print(f"call {call['call_sid']}: {call['caller'] or 'somebody'} dialled {call['called'] or 'a hidden number'}")
    # sipbridge says when the call is over: Pipecat's own idle time-out is not needed.
    worker = PipelineWorker(Pipeline([transport.input(), transport.output()]), idle_timeout_secs=None)

    @transport.event_handler("on_first_participant_joined")
    async def greet(*_):
        await worker.queue_frame(OutputAudioRawFrame(TONE, RATE, 1))

    @transport.event_handler("on_disconnected")
    async def leave(*_):
        await runner.cancel("the room is gone")

    await runner.add_workers(worker)
    await runner.run()


asyncio.run(main())
# Not by the interpreter's own end: LiveKit's audio thread may call Python during it, which aborts the process (signal 6).
sys.stdout.flush()
os._exit(0)
