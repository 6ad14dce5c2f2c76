import { decoded } from '../../src/base/decoded.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { BROADCAST_MAC, type MacAddress, parseMacAddress } from '../../src/base/mac-address.ts';
import type { Condition } from '../../src/cluster/ports.ts';
import { Controller } from '../../src/controller/controller.ts';
import { decodeArp, encodeArp } from '../../src/layer2/wire/arp.ts';
import { ArpOperation } from '../../src/layer2/wire/constants.ts';
import type { InterfaceAddress } from '../../src/network/ports.ts';
import { Control } from '../../src/speaker/control.ts';
import type { FromWire, ToWire } from '../../src/speaker/messages.ts';
import { Wire } from '../../src/speaker/wire-thread.ts';
import { FakeDatagrams } from './fake-datagrams.ts';
import { FakeHopDatagrams } from './fake-hop-datagrams.ts';
import { FakeNetwork, FakeSegment, type FakeStation } from './fake-network.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

const KEYS = [{ id: 1, secret: new Uint8Array(32) }];

/**
 * A whole Clarion on virtual time: one controller, speakers on a segment in memory, a cluster in memory. What crosses
 * between the threads is copied, as it is in life, so that nothing that cannot be copied slips through.
 */
export class Scenario {
  readonly clock = new VirtualClock();
  readonly cluster = new MemoryCluster();
  readonly segment = new FakeSegment();
  readonly datagrams = new FakeDatagrams(this.clock);
  readonly client: FakeStation = this.segment.addStation();
  readonly networks = new Map<string, FakeNetwork>();
  #starts = 0;
  readonly #speakers = new Map<
    string,
    { control: Control; wire: Wire; network: FakeNetwork; power: { on: boolean }; address: IpAddress }
  >();
  #controllerStop: () => void = () => {};

  async startController(): Promise<void> {
    const { cluster, clock } = this;
    const options = { node: 'a', loadBalancerClass: undefined, ignoreExcludeLb: false };
    const controller = new Controller({ cluster, clock, random: seededRandom(1), logger: silentLogger, ...options });
    this.#controllerStop = () => void controller.stop();
    await this.run(5);
  }

  stopController(): void {
    this.#controllerStop();
  }

  /** `lastByte` makes the node's MAC 02:00:00:00:00:NN and its address 192.0.2.NN/24. */
  async startSpeaker(name: string, lastByte: number): Promise<void> {
    const { clock, cluster, segment } = this;
    const network = new FakeNetwork();
    const own = onLink(`192.0.2.${lastByte}`, 24);
    const mac = macEnding(lastByte);
    network.addInterface({ name: 'eth0', segment, mac, addresses: [own] });
    this.networks.set(name, network);
    const wireOptions = {
      version: 'test',
      node: name,
      interfaces: [],
      observe: false,
      logLevel: 'silent' as const,
    };
    const fromWire = (message: FromWire): void => {
      const copy = structuredClone(message);
      queueMicrotask(() => {
        if (copy.kind === 'report' || copy.kind === 'members') control.fromWire(copy);
      });
    };
    const power = { on: true };
    const host = this.datagrams.host();
    const wire = new Wire({
      options: wireOptions,
      network,
      // Hosts of this fake are told apart by their addresses, so the wildcard becomes the node's own.
      datagrams: {
        openDatagramSocket: async ({ port }, handlers) => {
          const opened = await host.openDatagramSocket({ address: own.address, port }, handlers);
          if (!opened.ok) return opened;
          const socket = opened.value;
          return decoded({ ...socket, send: (bytes, to) => power.on && socket.send(bytes, to) });
        },
        whenDrained: (run) => host.whenDrained(run),
      },
      hops: new FakeHopDatagrams(clock).host([]),
      healthCheck: async () => true,
      // Somebody else is always heard: the client.
      framesReceived: () => clock.now(),
      clock,
      // Each start is another instance.
      random: seededRandom(1000 * ++this.#starts + lastByte),
      logger: silentLogger,
      send: fromWire,
    });
    const toWire = (message: ToWire): void => {
      const copy = structuredClone(message);
      queueMicrotask(() => wire.receive(copy));
    };
    const deps = {
      node: name,
      cluster,
      clock,
      logger: silentLogger,
      loadBalancerClass: undefined,
      ignoreExcludeLb: false,
      keys: KEYS,
      routing: undefined,
    };
    const control = new Control({ ...deps, toWire });
    this.#speakers.set(name, { control, wire, network, power, address: own.address });
    await this.run(5);
  }

  /** As SIGTERM does it: hands over, says goodbye. */
  stopSpeaker(name: string): void {
    const speaker = this.#speakers.get(name);
    speaker?.control.stop();
    speaker?.wire.receive({ kind: 'stop' });
    this.#speakers.delete(name);
  }

  /** Its power fails: from one moment to the next no frame and no datagram of it is seen any more. */
  kill(name: string): void {
    const speaker = this.#speakers.get(name);
    if (speaker === undefined) return;
    speaker.power.on = false;
    speaker.control.stop();
    speaker.network.removeInterface('eth0');
    this.datagrams.close({ address: speaker.address, port: 7946 });
    this.#speakers.delete(name);
  }

  /** Lets this many virtual milliseconds pass, everything asynchronous included. */
  async run(duration: number): Promise<void> {
    for (let i = 0; i < duration; i++) {
      this.clock.advance(1);
      for (let turn = 0; turn < 30; turn++) await Promise.resolve();
    }
  }

  /** Who answers the client's question for an address, by MAC. */
  async answersTo(address: string): Promise<string[]> {
    const before = this.client.received.length;
    this.client.send(
      encodeArp({
        destination: BROADCAST_MAC,
        source: ASKER,
        operation: ArpOperation.request,
        senderMac: ASKER,
        senderIp: onLink('192.0.2.99', 24).address,
        targetMac: macEnding(0),
        targetIp: onLink(address, 32).address,
      }),
    );
    await this.run(2);
    return this.client.received.slice(before).flatMap((frame) => {
      const arp = decodeArp(frame);
      return arp.ok && arp.value.operation === ArpOperation.reply ? [arp.value.senderMac] : [];
    });
  }

  addressesOf(key: string): readonly string[] {
    return this.cluster.statusOf(key)?.ingress ?? [];
  }

  conditionOf(key: string, type: string): Condition | undefined {
    return this.cluster.statusOf(key)?.conditions.find((condition) => condition.type === `clarion.dev/${type}`);
  }

  stop(): void {
    this.#controllerStop();
    for (const name of [...this.#speakers.keys()]) this.stopSpeaker(name);
  }
}

export function macEnding(lastByte: number): MacAddress {
  const mac = parseMacAddress(`02:00:00:00:00:${lastByte.toString(16).padStart(2, '0')}`);
  if (!mac.ok) throw new Error(mac.error);
  return mac.value;
}

function onLink(text: string, prefixLength: number): InterfaceAddress {
  const address = parseIpAddress(text);
  if (!address.ok) throw new Error(address.error);
  return { address: address.value, prefixLength };
}

const ASKER = macEnding(0x99);
