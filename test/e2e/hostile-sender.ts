import { createInterface } from 'node:readline';
import { afterThisTurn } from '../../src/base/clock.ts';
import { parseIpAddress } from '../../src/base/ip-address.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { hostileFrame } from './hostile-frame.ts';

/**
 * A program for the client: sends frames that no well-behaved host sends. Commands, one JSON line each:
 *     {"frames": ["hex", ...]}                        these
 *     {"storm": {"seed": 1, "count": 20000, ...}}     so many made from a seed, a batch a turn
 * Each is answered by {"sent": N, "refused": N}, the latter counting frames that the kernel would not send.
 */
export interface HostileCommand {
  readonly frames?: readonly string[];
  readonly storm?: { readonly seed: number; readonly count: number; readonly vip4: string; readonly vip6: string };
}

const BATCH = 64;
const network = linuxNetwork();
if (!network.ok) throw new Error(network.error.message);
const socket = network.value.openFrameSocket(
  { interfaceName: process.argv[2] ?? '', etherType: 0x88b5, filter: [{ code: 0x06, jt: 0, jf: 0, k: 0 }] },
  { frame: () => {}, error: () => {} },
);
if (!socket.ok) throw new Error(socket.error.message);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const turn = (): Promise<void> => new Promise((resolve) => void afterThisTurn(resolve));

async function sendAll(frames: Iterable<Uint8Array>): Promise<void> {
  const count = { sent: 0, refused: 0 };
  for (const frame of frames) {
    if (socket.ok && socket.value.send(frame) === undefined) count.sent++;
    else count.refused++;
    if ((count.sent + count.refused) % BATCH === 0) await turn();
  }
  say(count);
}

function* storm({ seed, count, vip4, vip6 }: HostileCommand['storm'] & object): Generator<Uint8Array> {
  const random = seededRandom(seed);
  const [ipv4, ipv6] = [parseIpAddress(vip4), parseIpAddress(vip6)];
  if (!ipv4.ok || !ipv6.ok) throw new Error('addresses, please');
  for (let i = 0; i < count; i++) yield hostileFrame(random, [ipv4.value, ipv6.value]);
}

createInterface(process.stdin)
  .on('line', (line) => {
    const command = JSON.parse(line) as HostileCommand;
    const frames = command.frames?.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex'))) ?? [];
    void sendAll(command.storm === undefined ? frames : storm(command.storm));
  })
  .on('close', () => process.exit(0));
say({ ready: true });
