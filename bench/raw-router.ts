import { createServer, type Socket } from 'node:net';
import { machineTime, ms, systemClock } from '../src/base/clock.ts';
import { parseIpAddress } from '../src/base/ip-address.ts';
import { formatPrefix } from '../src/base/prefix.ts';
import { decodeMessage, encodeMessage } from '../src/bgp/wire/codec.ts';
import { Framer } from '../src/bgp/wire/framer.ts';
import { IPV4_UNICAST, type Message, type Nlri, type WireContext } from '../src/bgp/wire/message.ts';
import { prefixesOf } from '../src/bgp/wire/nlri.ts';

/*
 * A router of the benchmarks, in a process of its own: it says on standard output which prefixes it heard of, and when its socket
 * had the octets. `steady` is as routers are; the others are not: `slow` stops reading once the session is up, `garbage`
 * answers with octets that are no BGP, `reset` breaks the connection as soon as the session is up.
 */
export interface RouterNews {
  readonly event: 'established' | 'withdrawn' | 'announced' | 'closed';
  readonly prefixes: readonly string[];
  /** Of the machine's clock. */
  readonly at: number;
}

export type RouterManner = 'steady' | 'slow' | 'garbage' | 'reset';

const [manner = 'steady', own = '', asn = '', watched = ''] = process.argv.slice(2);
const context: WireContext = {
  as4: true,
  addPath: { ipv4: false, ipv6: false },
  extendedMessage: false,
  extendedNextHop: false,
  peerType: 'external',
};
const routerId = parseIpAddress(own);
if (!routerId.ok) throw new Error(routerId.error);
const OPEN: Message = {
  kind: 'open',
  as2: Number(asn),
  holdTime: 90,
  routerId: Number(routerId.value.value),
  capabilities: [
    { kind: 'multiprotocol', family: IPV4_UNICAST },
    { kind: 'as4', asn: Number(asn) },
  ],
};

function tell(event: RouterNews['event'], prefixes: readonly string[], at: number): void {
  process.stdout.write(`${JSON.stringify({ event, prefixes, at } satisfies RouterNews)}\n`);
}

function tellOf(event: RouterNews['event'], nlri: Nlri, at: number): void {
  // Of 10,000 that change beside them nobody wants to read.
  const prefixes = prefixesOf(nlri).flatMap(({ prefix }) =>
    Number(prefix.address.value & 0xffffn) < Number(watched) ? [formatPrefix(prefix)] : [],
  );
  if (prefixes.length > 0) tell(event, prefixes, at);
}

const server = createServer({ noDelay: true }, (socket: Socket) => {
  socket.on('error', () => {});
  if (manner === 'garbage') {
    socket.on('data', () => socket.write(Buffer.alloc(4096, 0x42)));
    return;
  }
  const say = (message: Message): void => void socket.write(encodeMessage(message, context));
  const framer = new Framer();
  let established = false;
  say(OPEN);
  const keepAlive = (): void => {
    if (socket.destroyed) return;
    say({ kind: 'keepalive' });
    systemClock.startTimer('keepalive', ms(10_000), keepAlive);
  };
  socket.on('close', () => tell('closed', [], machineTime()));
  socket.on('data', (bytes: Buffer) => {
    const at = machineTime();
    framer.add(bytes);
    for (let framed = framer.next(context); framed !== undefined; framed = framer.next(context)) {
      const decoded = framed.kind === 'error' ? undefined : decodeMessage(framed.bytes, context);
      if (decoded?.ok !== true) throw new Error('this is no BGP');
      const { message } = decoded;
      if (message.kind === 'open') keepAlive();
      if (message.kind === 'update') {
        tellOf('withdrawn', message.withdrawn, at);
        tellOf('announced', message.announced, at);
      }
      if (message.kind !== 'keepalive' || established) continue;
      established = true;
      tell('established', [], at);
      if (manner === 'slow') socket.pause();
      if (manner === 'reset') socket.resetAndDestroy();
    }
  });
});
server.listen(179, own);
