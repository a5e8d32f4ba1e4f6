"""LiveKit's own worker with its default settings: takes every room, joins it, plays a tone of 440 Hz until the caller is gone."""
import asyncio
import math
import struct

from livekit import rtc
from livekit.agents import JobContext, WorkerOptions, cli

RATE, FRAME = 48000, 4800  # as the other agents of the bench


def tone(hz):
    return [struct.pack("<h", int(8000 * math.sin(2 * math.pi * hz * n / RATE))) for n in range(RATE)]


async def play(source, samples):
    at = 0
    while True:
        data = b"".join(samples[at:at + FRAME])
        await source.capture_frame(rtc.AudioFrame(data, RATE, 1, FRAME))
        at = (at + FRAME) % RATE


async def entrypoint(job: JobContext):
    await job.connect()
    source = rtc.AudioSource(RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    playing = asyncio.create_task(play(source, tone(440)))
    job.add_shutdown_callback(lambda: stop(playing))
    await job.room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))


async def stop(task):
    task.cancel()


if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
