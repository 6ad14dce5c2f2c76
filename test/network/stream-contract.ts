import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { formatIpAddress, type IpAddress } from '../../src/base/ip-address.ts';
import type {
  ConnectOptions,
  ListenerPeer,
  NetworkError,
  SocketEndpoint,
  Stream,
  StreamHandlers,
  StreamListener,
  StreamNetwork,
} from '../../src/network/ports.ts';
import { addressOf, expectValue, until } from './contract.ts';

/** What every StreamNetwork promises: run against the fake of the unit tests and against the kernel. */
export interface StreamWorld {
  readonly client: StreamNetwork;
  readonly server: StreamNetwork;
  readonly clientAddress: IpAddress;
  readonly serverAddress: IpAddress;
  /** Of nobody, and silent; undefined where there is no such thing. */
  readonly silentAddress: IpAddress | undefined;
  end(): void;
}

/** Handlers that only write down; `stream` is set by who has it. */
export class Recorder implements StreamHandlers {
  stream: Stream | undefined;
  readonly events: string[] = [];
  readonly parts: Buffer[] = [];
  octets = 0;
  error: NetworkError | undefined;

  connected(): void {
    this.events.push('connected');
  }
  data(bytes: Uint8Array): void {
    if (this.events.at(-1) !== 'data') this.events.push('data');
    this.octets += bytes.length;
    this.parts.push(Buffer.from(bytes));
  }
  drained(): void {
    this.events.push('drained');
  }
  ended(): void {
    this.events.push('ended');
  }
  failed(error: NetworkError): void {
    this.error = error;
    this.events.push(error.code);
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }
  get open(): Stream {
    if (this.stream === undefined) throw new Error('there is no stream yet');
    return this.stream;
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const direct = { passwords: [], hopLimit: 255 } as const;

interface Listening {
  readonly listener: StreamListener;
  readonly accepted: Recorder[];
  readonly refused: SocketEndpoint[];
}

/** One test's world; everything in it is closed when the test ends. */
class Bench {
  readonly world: StreamWorld;
  readonly #streams = new Set<Stream>();
  readonly #listeners = new Set<StreamListener>();

  constructor(world: StreamWorld) {
    this.world = world;
  }

  end(): void {
    for (const stream of this.#streams) stream.reset();
    for (const listener of this.#listeners) listener.close();
    this.world.end();
  }

  listening(peer: Partial<ListenerPeer> = {}, paused = false): Listening {
    const { server, serverAddress, clientAddress } = this.world;
    const accepted: Recorder[] = [];
    const refused: SocketEndpoint[] = [];
    const listener = expectValue(
      server.listen(
        { local: { address: serverAddress, port: 0 }, peers: [{ address: clientAddress, ...direct, ...peer }] },
        {
          accepted: (stream) => {
            const recorder = new Recorder();
            recorder.stream = stream;
            if (paused) stream.pause();
            this.#streams.add(stream);
            accepted.push(recorder);
            return recorder;
          },
          refused: (remote) => refused.push(remote),
          error: ({ message }) => expect.unreachable(message),
        },
      ),
    );
    this.#listeners.add(listener);
    return { listener, accepted, refused };
  }

  connecting(to: Listening | SocketEndpoint, options: Partial<ConnectOptions> = {}): Recorder {
    const { client, clientAddress } = this.world;
    const remote = 'listener' in to ? to.listener.local : to;
    const recorder = new Recorder();
    recorder.stream = expectValue(client.connect({ remote, source: clientAddress, ...direct, ...options }, recorder));
    this.#streams.add(recorder.stream);
    if (recorder.events.length > 0) throw new Error('told of before connect has returned');
    return recorder;
  }

  async pair(paused = false): Promise<{ at: Listening; client: Recorder; server: Recorder }> {
    const at = this.listening({}, paused);
    const client = this.connecting(at);
    await until('both ends', () => client.events.length > 0 && at.accepted.length > 0);
    return { at, client, server: at.accepted[0]! };
  }

  async established(peer: readonly string[], own: readonly string[]) {
    const at = this.listening({ passwords: peer });
    const client = this.connecting(at, { passwords: own });
    await until('both ends', () => client.events.length > 0 && at.accepted.length > 0, 9000);
    const server = at.accepted[0]!;
    await talk(client, server, 'hello');
    return { at, client, server };
  }
}

const last = (recorder: Recorder): string | undefined => recorder.events.at(-1);
/** Long enough for a segment to be repeated twice. */
const quiet = (): Promise<void> => pause(700);

async function talk(client: Recorder, server: Recorder, text: string): Promise<void> {
  client.open.write([bytes(text)]);
  await until(text, () => server.text.endsWith(text), 9000);
  expect([client.error, server.error]).toEqual([undefined, undefined]);
}

export function streamContract(implementation: string, makeWorld: () => StreamWorld): void {
  // At the same time, since most of them wait: each has a world of its own.
  describe.concurrent(`the stream contract, by ${implementation}`, () => {
    const it = test.extend<{ bench: Bench }>({
      bench: async ({ onTestFinished }, use) => {
        const bench = new Bench(makeWorld());
        onTestFinished(() => bench.end());
        await use(bench);
      },
    });

    it('connected, both ends know both endpoints', async ({ bench }) => {
      const { at, client, server } = await bench.pair();
      expect(client.events).toEqual(['connected']);
      expect(server.events).toEqual([]);
      const text = ({ address, port }: SocketEndpoint): string => `${formatIpAddress(address)} ${port}`;
      expect(text(client.open.remote)).toBe(text(at.listener.local));
      expect(text(server.open.remote)).toBe(text(client.open.local));
      expect(text(server.open.local)).toBe(text(client.open.remote));
      expect(formatIpAddress(client.open.local.address)).toBe(formatIpAddress(bench.world.clientAddress));
      expect(client.open.local.port).toBeGreaterThan(1023);
    });

    it('parts arrive in order, both ways, also those written before the connection was there', async ({ bench }) => {
      const at = bench.listening();
      const client = bench.connecting(at);
      client.open.write([bytes('one '), bytes(''), bytes('two ')]);
      await until('accepted', () => at.accepted.length > 0 && client.events.includes('connected'));
      const server = at.accepted[0]!;
      client.open.write([bytes('three')]);
      server.open.write([bytes('answer')]);
      await until('both', () => server.text === 'one two three' && client.text === 'answer');
      await until('acknowledged', () => client.open.unacknowledged() === 0);
    });

    it('close: everything, then FIN; the other end may still write and is heard by nobody', async ({ bench }) => {
      const { client, server } = await bench.pair();
      client.open.write([bytes('last words')]);
      client.open.close();
      await until('the end', () => last(server) === 'ended');
      expect(server.text).toBe('last words');
      expect(server.open.write([bytes('to nobody')])).toBe(0);
      await quiet();
      expect(client.text).toBe('');
      expect(server.error).toBeUndefined();
      server.open.close();
    });

    it('close with unread data: a FIN all the same, so that the last words arrive', async ({ bench }) => {
      const { client, server } = await bench.pair(true);
      client.open.write([bytes('never read')]);
      await quiet();
      server.open.write([bytes('notification')]);
      server.open.close();
      await until('the end', () => last(client) === 'ended');
      expect(client.text).toBe('notification');
    });

    it('half-closed: who has heard the end may go on writing', async ({ bench }) => {
      const { client, server } = await bench.pair();
      server.open.write([bytes('question')]);
      await until('question', () => client.text === 'question');
      client.open.close();
      await until('the end', () => last(server) === 'ended');
      server.open.close();
      await quiet();
      expect(server.error).toBeUndefined();
    });

    it('reset: the other end hears ECONNRESET after what had arrived before', async ({ bench }) => {
      const { client, server } = await bench.pair();
      client.open.write([bytes('before')]);
      await until('arrived', () => client.open.unacknowledged() === 0 && server.text === 'before');
      client.open.reset();
      await until('the error', () => server.error !== undefined);
      expect(server.events).toEqual(['data', 'ECONNRESET']);
      expect(server.error?.message).toMatch(/ECONNRESET/);
      expect(server.open.write([bytes('too late')])).toBe(0);
      expect(client.events).toEqual(['connected']);
    });

    it('nobody listens: ECONNREFUSED, and nothing more', async ({ bench }) => {
      const client = bench.connecting({ address: bench.world.serverAddress, port: 1 });
      await until('the error', () => client.error !== undefined);
      expect(client.events).toEqual(['ECONNREFUSED']);
      expect(client.error?.message).toContain(formatIpAddress(bench.world.serverAddress));
      expect(client.open.write([bytes('x')])).toBe(0);
    });

    it('an attempt can be ended: nothing comes of it', async ({ bench }) => {
      const at = bench.listening();
      const client = bench.connecting(at);
      client.open.reset();
      await quiet();
      expect(client.events).toEqual([]);
    });

    it('an attempt towards silence stays one until it is ended', async ({ bench }) => {
      if (bench.world.silentAddress === undefined) return;
      const client = bench.connecting({ address: bench.world.silentAddress, port: 179 });
      await quiet();
      expect(client.events).toEqual([]);
      expect(client.open.local.port).toBe(0);
      client.open.close();
    });

    it('a source that is not ours, a link-local address without interface: refused as values', ({ bench }) => {
      const options = { remote: { address: bench.world.serverAddress, port: 179 }, ...direct };
      const ipv4 = bench.world.clientAddress.family === 'ipv4';
      const other = addressOf(ipv4 ? '203.0.113.77' : '2001:db8:f00::77');
      expect(bench.world.client.connect({ ...options, source: other }, new Recorder())).toMatchObject({
        ok: false,
        error: { code: 'EADDRNOTAVAIL' },
      });
      const linkLocal = addressOf('fe80::1');
      expect(
        bench.world.client.connect({ ...options, remote: { address: linkLocal, port: 179 } }, new Recorder()),
      ).toMatchObject({ ok: false, error: { code: 'EINVAL' } });
    });

    it.for<readonly [string, readonly string[]]>([
      ['no octet', ['']],
      ['81 octets', ['x'.repeat(81)]],
      ['three of them', ['a', 'b', 'c']],
    ])('a password that no kernel takes (%s) is refused as a value', ([, passwords], { bench }) => {
      const options = { remote: { address: bench.world.serverAddress, port: 179 }, ...direct, passwords };
      expect(bench.world.client.connect(options, new Recorder())).toMatchObject({
        ok: false,
        error: { code: 'EINVAL' },
      });
    });

    it.for([0, 256])('a hop limit of %i is refused as a value', (hopLimit, { bench }) => {
      const options = { remote: { address: bench.world.serverAddress, port: 179 }, ...direct, hopLimit };
      expect(bench.world.client.connect(options, new Recorder())).toMatchObject({
        ok: false,
        error: { code: 'EINVAL' },
      });
    });

    it('the port is taken: EADDRINUSE; once closed it is free again', async ({ bench }) => {
      const at = bench.listening();
      const again = (): ReturnType<StreamNetwork['listen']> =>
        bench.world.server.listen(
          { local: at.listener.local, peers: [] },
          { accepted: () => new Recorder(), refused() {}, error() {} },
        );
      expect(again()).toMatchObject({ ok: false, error: { code: 'EADDRINUSE' } });
      at.listener.close();
      await until('free', () => {
        const next = again();
        if (next.ok) next.value.close();
        return next.ok;
      });
    });

    it('who is no peer is reset and told of', async ({ bench }) => {
      const at = bench.listening();
      at.listener.setPeers([]);
      const client = bench.connecting(at);
      await until('the error', () => client.error !== undefined);
      expect(client.error?.code).toBe('ECONNRESET');
      expect(at.accepted).toEqual([]);
      expect(at.refused.map(({ address }) => formatIpAddress(address))).toEqual([
        formatIpAddress(bench.world.clientAddress),
      ]);
    });

    it('accepted streams outlive their listener', async ({ bench }) => {
      const { at, client, server } = await bench.pair();
      at.listener.close();
      client.open.write([bytes('still here')]);
      await until('it arrives', () => server.text === 'still here');
    });

    describe('back-pressure', () => {
      const PART = new Uint8Array(64 * 1024).fill(7);

      it('a peer that does not read: write says what is kept, and drained comes when it reads', async ({ bench }) => {
        const { client, server } = await bench.pair(true);
        let [written, kept] = [0, 0];
        // The kernel takes more and more, up to a point.
        for (let before = -1; before !== client.events.length; await pause(200)) {
          before = client.events.length;
          do {
            kept = client.open.write([PART]);
            written += PART.length;
          } while (kept === 0);
        }
        const before = client.events.length;
        await quiet();
        expect(client.events).toHaveLength(before);
        expect(server.octets).toBe(0);
        expect(client.open.unacknowledged()).toBeGreaterThanOrEqual(kept);
        server.open.resume();
        await until('all of it', () => server.octets === written && client.events.length > before);
        expect(client.events.slice(before)).toEqual(['drained']);
        await until('acknowledged', () => client.open.unacknowledged() === 0);
      });

      it('a paused stream gets nothing until it is resumed', async ({ bench }) => {
        const { client, server } = await bench.pair(true);
        client.open.write([bytes('wait')]);
        await quiet();
        expect(server.events).toEqual([]);
        server.open.resume();
        await until('it arrives', () => server.text === 'wait');
        server.open.pause();
        client.open.close();
        await quiet();
        expect(server.events).toEqual(['data']);
        server.open.resume();
        await until('the end', () => last(server) === 'ended');
      });

      it('a reset is heard by one that is paused', async ({ bench }) => {
        const { client, server } = await bench.pair(true);
        client.open.reset();
        await until('the error', () => server.error !== undefined);
        expect(server.events).toEqual(['ECONNRESET']);
      });

      it('a handler may end its own stream: nothing comes after it', async ({ bench }) => {
        const { client, server } = await bench.pair();
        const seen: number[] = [];
        server.data = ({ length }) => {
          seen.push(length);
          server.open.reset();
        };
        client.open.write([PART, PART, PART]);
        await until('the error', () => client.error !== undefined);
        expect(seen).toHaveLength(1);
      });
    });

    describe('RFC 2385: TCP-MD5', () => {
      it('the same password: as if there were none', async ({ bench }) => {
        const { server } = await bench.established(['secret'], ['secret']);
        expect(server.text).toBe('hello');
      });

      it.for<readonly [string, readonly string[], readonly string[]]>([
        ['wrong', ['secret'], ['other']],
        ['missing here', ['secret'], []],
        ['missing there', [], ['secret']],
      ])('%s: no connection, and no error either', async ([, peer, own], { bench }) => {
        const at = bench.listening({ passwords: peer });
        const client = bench.connecting(at, { passwords: own });
        await quiet();
        expect([client.events, at.accepted, at.refused]).toEqual([[], [], []]);
      });

      it('changed at both ends, one after the other: the connection lives on', async ({ bench }) => {
        const { client, server } = await bench.established(['old'], ['old']);
        expect(server.open.setPasswords(['new'])).toBeUndefined();
        client.open.write([bytes('while they differ')]);
        await quiet();
        expect(server.text).toBe('hello');
        expect(client.open.setPasswords(['new'])).toBeUndefined();
        await until('it gets through', () => server.text.endsWith('while they differ'), 9000);
        expect([client.error, server.error]).toEqual([undefined, undefined]);
      });

      it('signing may begin and end while the connection lives', async ({ bench }) => {
        const { client, server } = await bench.established([], []);
        for (const passwords of [['secret'], []]) {
          for (const end of [client, server]) expect(end.open.setPasswords(passwords)).toBeUndefined();
          await talk(client, server, `with ${passwords.length}`);
        }
      });

      it('keys are changed and removed on a listener that runs', async ({ bench }) => {
        const at = bench.listening({ passwords: ['old'] });
        const peer = { address: bench.world.clientAddress, ...direct };
        const tried = async (passwords: readonly string[]): Promise<void> => {
          expect(at.listener.setPeers([{ ...peer, passwords }])).toEqual([]);
          const client = bench.connecting(at, { passwords });
          await until(`connected with ${passwords.join()}`, () => client.events.length > 0);
        };
        await tried(['new']);
        await tried([]);
        await tried(['newest']);
      });

      it('rotation, the listener changes: an established connection finds the next password', async ({ bench }) => {
        const { client, server } = await bench.established(['old'], ['old']);
        client.open.setPasswords(['old', 'new']);
        await talk(client, server, 'still old');
        server.open.setPasswords(['new']);
        client.open.write([bytes('found')]);
        // A router that speaks of its own accord, as keepalives do.
        server.open.write([bytes('router')]);
        await until('both got through', () => server.text.endsWith('found') && client.text === 'router', 12_000);
        client.open.setPasswords(['new']);
        await talk(client, server, 'done');
        expect([client.error, server.error]).toEqual([undefined, undefined]);
      }, 20_000);

      it('rotation: a new connection finds out which of the two it is', async ({ bench }) => {
        const { client, server } = await bench.established(['new'], ['old', 'new']);
        expect(client.events[0]).toBe('connected');
        await talk(client, server, 'again');
        // And it remembers.
        const start = performance.now();
        const again = await bench.established(['new'], ['old', 'new']);
        expect(performance.now() - start).toBeLessThan(900);
        again.client.open.reset();
      }, 20_000);

      it('rotation: a listener with two passwords finds out which of them it is', async ({ bench }) => {
        const { client, server } = await bench.established(['old', 'new'], ['new']);
        await talk(client, server, 'again');
        expect(server.text).toBe('helloagain');
      }, 20_000);

      it('what cannot be done for one peer of a listener concerns that peer alone', async ({ bench }) => {
        const at = bench.listening();
        const good = { address: bench.world.clientAddress, ...direct };
        const bad = { ...good, address: bench.world.serverAddress, passwords: ['x'.repeat(81)] };
        expect(at.listener.setPeers([bad, good])).toMatchObject([{ peer: bad, error: { code: 'EINVAL' } }]);
        const client = bench.connecting(at);
        await until('connected', () => client.events.length > 0);
      });
    });

    describe('RFC 5082: GTSM', () => {
      it.for<readonly [number, number]>([
        [255, 255],
        [253, 252],
      ])('a hop limit of %i where %i is the least: connected', async ([hopLimit, minimum], { bench }) => {
        const at = bench.listening({ minimumHopLimit: minimum });
        const client = bench.connecting(at, { hopLimit: hopLimit });
        await until('both ends', () => client.events.length > 0 && at.accepted.length > 0);
        client.open.write([bytes('hello')]);
        await until('hello', () => at.accepted[0]?.text === 'hello');
      });

      it('a hop limit of 254 where 255 is the least: silence, from the first SYN on', async ({ bench }) => {
        const at = bench.listening({ minimumHopLimit: 255 });
        const client = bench.connecting(at, { hopLimit: 254 });
        await quiet();
        expect([client.events, at.accepted, at.refused]).toEqual([[], [], []]);
      });

      it('the one that connects does not hear an answer with too small a hop limit', async ({ bench }) => {
        const at = bench.listening({ hopLimit: 254 });
        const client = bench.connecting(at, { minimumHopLimit: 255 });
        await quiet();
        // A handshake may come about: who listens does not know yet to whom it answers.
        at.accepted[0]?.open.write([bytes('from too far')]);
        await quiet();
        expect(client.text).toBe('');
      });

      it('it holds for the peer that wants it, and a list that changes is in force at once', async ({ bench }) => {
        const at = bench.listening({ minimumHopLimit: 255 });
        const client = bench.connecting(at, { hopLimit: 254 });
        await quiet();
        expect(client.events).toEqual([]);
        client.open.reset();
        at.listener.setPeers([{ address: bench.world.clientAddress, ...direct, minimumHopLimit: 254 }]);
        const again = bench.connecting(at, { hopLimit: 254 });
        await until('connected', () => again.events.length > 0);
      });
    });
  });
}
