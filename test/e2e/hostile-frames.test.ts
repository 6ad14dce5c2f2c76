import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { type Capture, startCapture } from '../../src/lab/capture.ts';
import { Feed } from '../../src/lab/feed.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, service } from '../support/manifests.ts';
import { arpRequest, solicitation, tagged, withNoise } from './hostile-frame.ts';
import type { HostileCommand } from './hostile-sender.ts';
import { type Daemon, Scene, until } from './scene.ts';

/** A hostile host on the wire, with real frames: the process answers for what is its own, for nothing else, and does not grow. */
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.203, "2001:db8:2::200-2001:db8:2::203"]}\n';
const [VIP4, VIP6] = ['192.0.2.200', '2001:db8:2::200'];
const [ASKER4, ASKER6] = ['192.0.2.100', '2001:db8:2::100'].map(ip) as [IpAddress, IpAddress];

describe.skipIf(!privateTree.inside)(`hostile frames${skipNote}`, () => {
  const scene = new Scene('e2e4');
  const done = new Feed<{ readonly sent: number; readonly refused: number }>();
  let daemon: Daemon;
  let capture: Capture;
  let tell: (command: HostileCommand) => void;

  beforeAll(async () => {
    await scene.build();
    scene.write('config.json', configMap(POOL));
    scene.write('web.json', service('web', { families: ['IPv4', 'IPv6'] }), endpointSlice('web', ['node-a']));
    daemon = await scene.start();
    capture = await startCapture(scene.lab, 'client', 'eth0');
    const program = fileURLToPath(new URL('hostile-sender.ts', import.meta.url));
    const sender = scene.lab.spawn('client', [process.execPath, '--import', 'tsx', program, 'eth0'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ready = new Feed<true>();
    if (sender.stdout !== null)
      createInterface(sender.stdout).on('line', (line) => {
        if (line.includes('ready')) ready.push(true);
        else done.push(JSON.parse(line) as { sent: number; refused: number });
      });
    tell = (command) => void sender.stdin?.write(`${JSON.stringify(command)}\n`);
    await ready.first('the sender is ready', 0, seconds(10), () => true);
    await scene.announcedBy('node-a', VIP4);
    await scene.announcedBy('node-a', VIP6);
  });
  afterAll(() => scene.stop());

  const send = (...frames: Uint8Array[]): void =>
    tell({ frames: frames.map((frame) => Buffer.from(frame).toString('hex')) });
  const answersSince = (mark: number) => capture.seen.since(mark).filter(({ what }) => what === 'answer');
  const arp = arpRequest(ip(VIP4), ASKER4);
  const ns = solicitation(ip(VIP6), ASKER6);

  test.each<[string, 'ARP' | 'NDP', Uint8Array, number]>([
    ['a plain request', 'ARP', arp, 1],
    ['a plain solicitation', 'NDP', ns, 1],
    ['a request padded to the MTU', 'ARP', Uint8Array.of(...arp, ...new Uint8Array(1514 - arp.length)), 1],
    ['a request with a priority tag (VLAN 0)', 'ARP', tagged(arp, 0), 1],
    ['a request in another VLAN', 'ARP', tagged(arp, 5), 0],
    ['a solicitation in another VLAN', 'NDP', tagged(ns, 5), 0],
    ['a request cut off', 'ARP', arp.subarray(0, 41), 0],
    ['a request for another address', 'ARP', arpRequest(ip('192.0.2.201'), ASKER4), 0],
    ['a solicitation for another address', 'NDP', solicitation(ip('2001:db8:2::201'), ASKER6), 0],
    ['an operation that there is not', 'ARP', withNoise(arp, 21, 7), 0],
    ['hardware addresses of 255 octets', 'ARP', withNoise(arp, 18, 255), 0],
    ['a sender whose MAC is a group', 'ARP', arpRequest(ip(VIP4), ASKER4, '03:00:00:00:00:01' as MacAddress), 0],
    ['RFC 4861 §7.1.1: hop limit 64', 'NDP', solicitation(ip(VIP6), ASKER6, 64), 0],
    ['RFC 4861 §7.1.1: a wrong checksum', 'NDP', withNoise(ns, 57, ns[57]! ^ 1), 0],
    ['RFC 4861 §7.1.1: an option of length 0', 'NDP', withoutChecksumFault(ns, 79, 0), 0],
    ['RFC 4861 §7.1.1: ICMP code 1', 'NDP', withoutChecksumFault(ns, 55, 1), 0],
    ['a solicitation cut off', 'NDP', ns.subarray(0, 60), 0],
    ['a source that is a group', 'NDP', solicitation(ip(VIP6), ip('ff02::1')), 0],
  ])('%s', async (_what, protocol, frame, answers) => {
    const mark = capture.seen.mark();
    const vip = protocol === 'ARP' ? VIP4 : VIP6;
    // The plain one comes after it on the same socket: its answer closes the matter.
    send(frame, protocol === 'ARP' ? arp : ns);
    await until('the plain question is answered', () => answersSince(mark).length > answers);
    expect(answersSince(mark).map(({ address, mac }) => ({ address, mac }))).toEqual(
      Array.from({ length: answers + 1 }, () => ({ address: vip, mac: scene.mac('node-a') })),
    );
  });

  test('20,000 frames of every kind: answers for its own, for nothing else; bounded memory, log and defence; every frame is counted', async () => {
    const before = {
      memory: residentMegabytes(daemon.pid),
      lines: daemon.log.mark(),
      sent: await daemon.metric('clarion_layer2_gratuitous_sent_total'),
    };
    const [mark, end] = [capture.seen.mark(), done.mark()];
    tell({ storm: { seed: 20_261_121, count: 20_000, vip4: VIP4, vip6: VIP6 } });
    const { sent, refused } = await done.first('the storm is over', end, seconds(15), () => true);
    expect(sent + refused).toBe(20_000);
    expect(refused).toBeLessThan(200);

    await scene.announcedBy('node-a', VIP4);
    await scene.announcedBy('node-a', VIP6);
    const own = new Set([VIP4, VIP6, '192.0.2.11', '2001:db8:2::11']);
    const claimed = capture.seen
      .since(mark)
      .filter(({ mac, what }) => mac === scene.mac('node-a') && (what === 'answer' || what === 'announcement'))
      .map(({ address }) => address);
    expect([...new Set(claimed)].filter((address) => !own.has(address) && !address.startsWith('fe80:'))).toEqual([]);
    expect(claimed.filter((address) => address === VIP4).length).toBeGreaterThan(100);

    expect(await daemon.metric('clarion_layer2_conflicts_total')).toBeGreaterThan(0);
    for (const protocol of ['arp', 'ndp']) {
      const label = `protocol="${protocol}"`;
      const { body } = await daemon.get('/metrics');
      const value = (name: string): number => sumOf(body, name, label);
      const received = value('clarion_layer2_received_total');
      expect(received).toBeGreaterThan(500);
      expect(received).toBe(value('clarion_layer2_answered_total') + value('clarion_layer2_dropped_total'));
    }
    // RFC 5227 §2.4 (c): at most one defence of an address in ten seconds; rounds of a claim come on top.
    expect((await daemon.metric('clarion_layer2_gratuitous_sent_total')) - before.sent).toBeLessThan(50);
    expect(daemon.log.since(before.lines).length).toBeLessThan(50);
    expect(residentMegabytes(daemon.pid) - before.memory).toBeLessThan(60);
    expect(await daemon.get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
  });

  test('afterwards it ends as well as ever', async () => {
    expect(await daemon.stop()).toBe(0);
    expect(daemon.complaint()).toBe('');
  });
});

const sumOf = (body: string, name: string, label: string): number =>
  body
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
}

function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** Changes one octet and the checksum with it (RFC 1624), so that nothing else is wrong with the frame. */
function withoutChecksumFault(frame: Uint8Array, at: number, value: number): Uint8Array {
  const changed = withNoise(frame, at, value);
  const view = new DataView(changed.buffer);
  const word = at & ~1;
  const before = new DataView(frame.buffer, frame.byteOffset).getUint16(word);
  let sum = (~view.getUint16(56) & 0xffff) + (~before & 0xffff) + view.getUint16(word);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(56, ~sum & 0xffff);
  return changed;
}
