import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The server behind a node: says who answered and who asked, which is what shows that a VIP led to the right place and
 * that the client's address was kept. `listeners`: "80=hello from node-a", a port and what to say there.
 */
export async function serveHttp(listeners: readonly string[], emit: (line: object) => void): Promise<void> {
  await Promise.all(
    listeners.map((listener) => {
      const [port, greeting] = [Number(listener.split('=')[0]), listener.slice(listener.indexOf('=') + 1)];
      const server = createServer((request, response) => {
        const asker = request.socket.remoteAddress?.replace(/^::ffff:/, '');
        response.setHeader('content-type', 'text/plain');
        response.setHeader('connection', 'close');
        response.end(`${greeting}, you are ${asker}\n`);
      });
      return new Promise<AddressInfo>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '::', () => resolve(server.address() as AddressInfo));
      });
    }),
  );
  emit({ ready: true });
}
