// A webhook receiver as the documentation of LiveKit's Node SDK shows it. Prints its port on 127.0.0.1.
import { createServer } from 'node:http';
import { WebhookReceiver } from 'livekit-server-sdk';

const receiver = new WebhookReceiver(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET);

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', async () => {
    let status = 401;
    try {
      const event = await receiver.receive(Buffer.concat(parts).toString('utf8'), request.headers.authorization);
      status = event.event ? 200 : 401;
    } catch (error) {
      console.error(error.message);
    }
    response.writeHead(status, { 'Content-Length': 0 }).end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
