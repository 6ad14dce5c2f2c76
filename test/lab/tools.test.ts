import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { type Capture, type Sighting, startCapture } from '../../src/lab/capture.ts';
import { startConnections } from '../../src/lab/connections.ts';
import type { Feed } from '../../src/lab/feed.ts';
import { type HttpClient, startHttpClient } from '../../src/lab/http-client.ts';
import { Lab } from '../../src/lab/lab.ts';
import { pause } from '../../src/lab/logged-program.ts';
import { type NeighbourEvent, watchNeighbours } from '../../src/lab/neighbours.ts';
import { startPing } from '../../src/lab/ping.ts';
import { lanMac, lanPlan } from '../../src/lab/plan.ts';
import { startTool } from '../../src/lab/tool-process.ts';
import { privateTree, skipNote } from '../support/lab.ts';

describe.skipIf(!privateTree.inside)(`what the lab observes with${skipNote}`, () => {
  const lab = new Lab('tools');
  let wire: Capture;
  let client: HttpClient;
  let neighbours: Feed<NeighbourEvent>;
  beforeAll(async () => {
    await lab.build(
      lanPlan([
        { name: 'client', number: 100 },
        { name: 'server', number: 11 },
      ]),
    );
    [wire, client] = await Promise.all([
      startCapture(lab, 'client', 'eth0'),
      startHttpClient(lab, 'client'),
      startTool(lab, 'server', ['http-server', '80=hello from server']),
    ]);
    neighbours = watchNeighbours(lab, 'client');
  });
  afterAll(() => lab.stop());

  it.each([
    { address: '192.0.2.11', url: 'http://192.0.2.11/', asker: '192.0.2.100' },
    { address: '2001:db8:2::11', url: 'http://[2001:db8:2::11]/', asker: '2001:db8:2::100' },
  ])('a request to $url, and the neighbour entry that it made', async ({ address, url, asker }) => {
    const mark = neighbours.mark();
    const answer = await client.get(url);
    expect(answer).toMatchObject({ ok: true, text: `hello from server, you are ${asker}` });
    const entry = await neighbours.first('a neighbour entry', mark, seconds(5), (event) => event.address === address);
    expect(entry).toMatchObject({ mac: lanMac(11) });
  });

  it.each(['192.0.2.11', '2001:db8:2::11'])('frames: a question for %s of its own, and the answer', async (address) => {
    const mark = wire.seen.mark();
    wire.ask([address]);
    const answer = await wire.seen.first('an answer', mark, seconds(5), (frame) => frame.address === address);
    expect(answer).toMatchObject({ what: 'answer', address, mac: lanMac(11) });
  });

  it('frames: probes and announcements of others', async () => {
    const mark = wire.seen.mark();
    await lab.sysctl('server', { 'net.ipv4.conf.eth0.arp_notify': 1 });
    await lab.sysctl('server', { 'net.ipv6.conf.eth0.accept_dad': 1 });
    await lab.run('server', ['ip', 'addr', 'add', '2001:db8:2::12/64', 'dev', 'eth0']);
    await lab.run('server', ['ip', 'link', 'set', 'eth0', 'address', lanMac(11)]);
    const seen = (what: Sighting['what'], address: string): Promise<Sighting> =>
      wire.seen.first(what, mark, seconds(5), (frame) => frame.what === what && frame.address === address);
    expect(await seen('probe', '2001:db8:2::12')).toMatchObject({ protocol: 'NDP', mac: lanMac(11) });
    expect(await seen('announcement', '192.0.2.11')).toMatchObject({ protocol: 'ARP', mac: lanMac(11) });
  });

  it('a new connection every 5 ms: those that fail are counted, and the longest time without one that does not', async () => {
    const connections = await startConnections(lab, 'client', 'http://192.0.2.11/', ms(5));
    await lab.nft('server', 'table inet cut { chain in { type filter hook input priority 0; tcp dport 80 drop; }; }');
    await pause(ms(300));
    await lab.nft('server', 'delete table inet cut');
    await connections.answered();
    // What was dropped is failed only when its time is over.
    await pause(ms(1000));
    const { made, failed, reset, gap, answers } = await connections.stop();
    expect(failed).toBeGreaterThan(20);
    expect(reset).toBe(0);
    expect(gap).toBeGreaterThan(250);
    expect(gap).toBeLessThan(1000);
    expect(answers).toEqual({ 'hello from server, you are 192.0.2.100': made - failed });
  });

  it('no server: says so, within the limit', async () => {
    expect(await client.get('http://192.0.2.11:81/', 1000)).toMatchObject({
      ok: false,
      text: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('a ping: nothing is lost while nothing happens, and what is lost is counted', async () => {
    const quiet = await startPing(lab, 'client', '192.0.2.11', ms(5));
    await quiet.answered();
    expect(await quiet.stop()).toMatchObject({ lost: 0, gap: expect.any(Number) });
    const ping = await startPing(lab, 'client', '192.0.2.11', ms(5));
    await lab.nft(
      'server',
      'table inet deaf { chain input { type filter hook input priority 0; icmp type echo-request drop\n}\n}\n',
    );
    await lab.run('server', ['sleep', '0.2']);
    await lab.nft('server', 'delete table inet deaf\n');
    await ping.answered();
    const { sent, lost, gap } = await ping.stop();
    expect(gap).toBeGreaterThanOrEqual(200);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(sent);
  });

  it('a tool that cannot start: its own complaint', async () => {
    await expect(startCapture(lab, 'client', 'eth7')).rejects.toThrow(/eth7/);
  });
});
