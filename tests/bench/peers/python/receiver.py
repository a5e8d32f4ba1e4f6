"""A webhook receiver as the documentation of LiveKit's Python SDK shows it. Prints its port on 127.0.0.1."""
import asyncio
import os

from aiohttp import web
from livekit import api

receiver = api.WebhookReceiver(api.TokenVerifier(os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]))


async def receive(request):
    body = await request.text()
    event = receiver.receive(body, request.headers["Authorization"])
    return web.Response(status=200 if event.event else 401)


async def main():
    app = web.Application()
    app.add_routes([web.post("/webhooks/livekit", receive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
