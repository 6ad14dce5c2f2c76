import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/lab/lab.ts';
import { lanPlan } from '../../src/lab/plan.ts';
import { privateTree, skipNote } from '../support/lab.ts';

describe.skipIf(!privateTree.inside)(`a lab${skipNote}`, () => {
  const lab = new Lab('lab');
  beforeAll(() =>
    lab.build(
      lanPlan([
        { name: 'client', number: 100 },
        { name: 'node-a', number: 11 },
      ]),
    ),
  );
  afterAll(() => lab.stop());

  it('carries frames between its hosts at once, IPv4 and IPv6', async () => {
    for (const address of ['192.0.2.11', '2001:db8:2::11'])
      expect(await lab.run('client', ['ping', '-c', '1', '-W', '2', address])).toContain(' 0% packet loss');
    expect(await lab.run('client', ['ip', 'neigh', 'show', '192.0.2.11'])).toContain('02:00:00:00:00:11');
  });

  it('says which command failed, where and why', async () => {
    await expect(lab.run('client', ['ip', 'link', 'set', 'eth9', 'up'])).rejects.toThrow(
      'in client: ip link set eth9 up: Cannot find device "eth9"',
    );
  });

  it('has a cable to the test process itself, and removes it with the rest', async () => {
    const other = new Lab('lab2');
    await other.build({
      hosts: ['far'],
      bridges: [],
      cables: [
        [
          { interface: 'lab2here', addresses: ['198.51.100.1/24'] },
          { host: 'far', interface: 'eth0', addresses: ['198.51.100.2/24'] },
        ],
      ],
      routes: [],
    });
    expect(await other.run(undefined, ['ping', '-c', '1', '-W', '2', '198.51.100.2'])).toContain(' 0% packet loss');
    const sleeper = other.spawn('far', ['sleep', '1000']);
    await other.stop();
    expect(sleeper.signalCode).toBe('SIGTERM');
    expect(await lab.run(undefined, ['ip', 'netns'])).not.toContain('lab2-');
    expect(await lab.run(undefined, ['ip', 'link'])).not.toContain('lab2here');
  });
});
