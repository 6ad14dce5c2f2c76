import { parseIpAddress } from '../../src/base/ip-address.ts';
import { formatPrefix } from '../../src/base/prefix.ts';
import { decodeMessage, encodeMessage } from '../../src/bgp/wire/codec.ts';
import { Framer } from '../../src/bgp/wire/framer.ts';
import {
  type Capability,
  IPV4_UNICAST,
  IPV6_UNICAST,
  type Message,
  type Nlri,
  type Notification,
  type Open,
  type PathAttributes,
  type WireContext,
} from '../../src/bgp/wire/message.ts';
import { prefixesOf } from '../../src/bgp/wire/nlri.ts';
import { endOfRib } from '../../src/bgp/wire/update.ts';

/** One connection of a scripted router, over whatever carries bytes. */
export interface Pipe {
  write(bytes: Uint8Array): void;
  /** FIN. */
  end(): void;
  /** RST. */
  reset(): void;
  pause(): void;
  resume(): void;
}

/**
 * A router that does what it is told and nothing else: for what no real one does. It understands what is said to it and keeps
 * the resulting table.
 */
export class RawBgpPeer {
  readonly pipe: Pipe;
  readonly heard: Message[] = [];
  /** By prefix: the attributes that it was announced with. */
  readonly table = new Map<string, PathAttributes>();
  readonly endsOfRib: string[] = [];
  octets = 0;
  /** Counts octets and looks at none of them: for a million prefixes. */
  deaf = false;
  /** How the other side closed: "no", "fin", or the error. */
  closed = 'no';
  context: WireContext;
  readonly #framer = new Framer();

  constructor(pipe: Pipe, context: Partial<WireContext> = {}) {
    this.pipe = pipe;
    this.context = {
      as4: true,
      addPath: { ipv4: false, ipv6: false },
      extendedMessage: false,
      extendedNextHop: false,
      peerType: 'external',
      ...context,
    };
  }

  say(message: Message | Uint8Array): void {
    this.pipe.write(message instanceof Uint8Array ? message : encodeMessage(message, this.context));
  }

  notify(code: number, subcode: number, data: Uint8Array = new Uint8Array(0)): void {
    this.say({ kind: 'notification', code, subcode, data });
  }

  data(bytes: Uint8Array): void {
    this.octets += bytes.length;
    if (this.deaf) return;
    this.#framer.add(bytes.slice());
    for (let framed = this.#framer.next(this.context); framed !== undefined; framed = this.#framer.next(this.context)) {
      if (framed.kind === 'error') throw new Error(`framing: ${framed.error.message}`);
      const decoded = decodeMessage(framed.bytes.slice(), this.context);
      if (!decoded.ok || decoded.error !== undefined) throw new Error(`said to us: ${decoded.error?.message}`);
      this.#take(decoded.message);
    }
  }

  /** What kinds were heard, in order: "open keepalive update". */
  get kinds(): string {
    return this.heard.map(({ kind }) => kind).join(' ');
  }

  get notification(): Notification | undefined {
    return this.heard.find((message) => message.kind === 'notification');
  }

  get open(): Open | undefined {
    return this.heard.find((message) => message.kind === 'open');
  }

  get prefixes(): string[] {
    return [...this.table.keys()].sort();
  }

  #take(message: Message): void {
    this.heard.push(message);
    if (message.kind !== 'update') return;
    const { attributes, withdrawn, announced } = message;
    const end = endOfRib(message);
    if (end !== undefined) this.endsOfRib.push(end.afi === 1 ? 'ipv4' : 'ipv6');
    for (const prefix of [...textsOf(withdrawn), ...textsOf(attributes.mpUnreach)]) this.table.delete(prefix);
    for (const prefix of [...textsOf(announced), ...textsOf(attributes.mpReach?.nlri)])
      this.table.set(prefix, attributes);
  }
}

const textsOf = (nlri: Nlri | undefined): string[] =>
  nlri === undefined ? [] : prefixesOf(nlri).map(({ prefix }) => formatPrefix(prefix));

export interface RawOpen {
  readonly asn?: number;
  readonly routerId?: string;
  readonly holdTime?: number;
  readonly capabilities?: readonly Capability[];
  /** In place of the usual capabilities. */
  readonly only?: readonly Capability[];
}

export const GRACEFUL: Capability = {
  kind: 'graceful-restart',
  restarting: false,
  notification: true,
  restartTime: 120,
  families: [
    { family: IPV4_UNICAST, forwarding: true },
    { family: IPV6_UNICAST, forwarding: true },
  ],
};

export function rawOpen({
  asn = 64_500,
  routerId = '192.0.2.1',
  holdTime = 90,
  capabilities = [],
  only,
}: RawOpen = {}): Open {
  const address = parseIpAddress(routerId);
  if (!address.ok) throw new Error(address.error);
  return {
    kind: 'open',
    as2: asn > 0xffff ? 23_456 : asn,
    holdTime,
    routerId: Number(address.value.value),
    capabilities: only ?? [
      { kind: 'multiprotocol', family: IPV4_UNICAST },
      { kind: 'multiprotocol', family: IPV6_UNICAST },
      { kind: 'as4', asn },
      { kind: 'route-refresh' },
      ...capabilities,
    ],
  };
}

export const KEEPALIVE: Message = { kind: 'keepalive' };
