import { messageOf } from '../base/errors.ts';
import { runCapture } from './capture.ts';
import { runConnections } from './connections.ts';
import { runHttpClient } from './http-client.ts';
import { serveHttp } from './http-server.ts';

/**
 * The entry of the small programs that the lab puts into its namespaces. They speak JSON lines: the first says that they
 * are ready. One that loses its standard input ends: whoever started it is gone.
 */
const [tool, ...parameters] = process.argv.slice(2);
const emit = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

const tools: Readonly<Record<string, () => void | Promise<void>>> = {
  'http-server': () => serveHttp(parameters, emit),
  'http-client': () => runHttpClient(emit),
  connections: () => runConnections(parameters, emit),
  capture: () => runCapture(parameters[0] ?? 'eth0', emit),
};

try {
  await tools[tool ?? '']?.();
} catch (thrown) {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exit(3);
}
