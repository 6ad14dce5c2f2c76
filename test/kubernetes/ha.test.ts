import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import type { LoggedProgram } from '../../src/lab/logged-program.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { addressesOf, type ControllersScene, controllersScene, type ServiceObject, wait } from './controllers.ts';

/**
 * Two controllers, one of them active: the active one is killed, and another time stopped and thawed, in the middle of a
 * thousand allocations. The Lease's time is client-go's: 15 s from the last renewal that the other one saw, looked at every 2 s.
 */
const POOL = 'pools: [{name: public, addresses: [10.200.0.0/16]}]\n';
const MANY = 1000;
const LEASE_TIME = seconds(15 + 2.4 + 3);

describe.skipIf(!kubernetes.available)(`several controllers${kubernetesSkipNote}`, { timeout: 90_000 }, () => {
  let scene: ControllersScene;
  let a: LoggedProgram;
  let b: LoggedProgram;
  beforeAll(async () => {
    scene = await controllersScene('ha');
    await scene.configure(POOL);
    a = await scene.startController('first', 17_001);
    await until('the first is active', seconds(15), async () => (await scene.leaseHolder()).startsWith('first'));
    b = await scene.startController('second', 17_002);
  });
  afterAll(async () => {
    if (process.env['SHOW']) process.stderr.write(`A ${a.log().slice(-4000)}\nB ${b.log().slice(-4000)}\n`);
    await scene?.stop();
  });

  const names = (prefix: string): readonly string[] => Array.from({ length: MANY }, (_, i) => `${prefix}-${i}`);
  const assigned = (services: readonly ServiceObject[]): readonly string[] => services.flatMap(addressesOf);

  /** Whoever had an address keeps it, nobody has two, no two have one. */
  async function judge(before: ReadonlyMap<string, string>, total: number): Promise<ReadonlyMap<string, string>> {
    const services = await scene.services();
    const all = assigned(services);
    expect(all.length).toBe(total);
    expect(new Set(all).size).toBe(total);
    const now = new Map(services.flatMap((one) => addressesOf(one).map((ip) => [one.metadata.name, ip] as const)));
    for (const [name, ip] of before) expect(now.get(name)).toBe(ip);
    return now;
  }
  const holding = async (): Promise<ReadonlyMap<string, string>> =>
    new Map((await scene.services()).flatMap((one) => addressesOf(one).map((ip) => [one.metadata.name, ip] as const)));

  async function inTheMiddle(prefix: string, before: number, act: () => void): Promise<void> {
    const creating = scene.createServices(names(prefix));
    await until('some have an address', seconds(30), async () => assigned(await scene.services()).length > before + 50);
    act();
    await creating;
  }

  it('kill -9 of the active one: no address twice, none lost, the other one goes on after the Lease’s time', async () => {
    await inTheMiddle('killed', 0, () => void a.kill());
    const before = await holding();
    expect(before.size).toBeLessThan(MANY);
    await until('the second is active', LEASE_TIME, async () => (await scene.leaseHolder()).startsWith('second'));
    await until(
      'it has given all of them an address',
      seconds(40),
      async () => assigned(await scene.services()).length === MANY,
      async () => ({ given: assigned(await scene.services()).length, log: b.log().slice(-1500) }),
    );
    await judge(before, MANY);
  });

  it('SIGSTOP of the active one, and SIGCONT when it was replaced: it writes nothing any more', async () => {
    a = await scene.startController('third', 17_003);
    await wait(1500);
    await inTheMiddle('stopped', MANY, () => b.signal('SIGSTOP'));
    const before = await holding();
    await until('the third is active', LEASE_TIME, async () => (await scene.leaseHolder()).startsWith('third'));
    b.signal('SIGCONT');
    await until(
      'all have an address',
      seconds(20),
      async () => assigned(await scene.services()).length === 2 * MANY,
      async () => ({ given: assigned(await scene.services()).length, log: a.log().slice(-1500) }),
    );
    const now = await judge(before, 2 * MANY);
    expect(await scene.leaseHolder()).toMatch(/^third/);
    expect(b.log()).toContain('standby controller now');
    // Nobody has anything left to say.
    await wait(1000);
    const versions = (services: readonly ServiceObject[]) => services.map(({ metadata }) => metadata.resourceVersion);
    const still = versions(await scene.services());
    await wait(3000);
    expect(versions(await scene.services())).toEqual(still);
    expect(await holding()).toEqual(now);
  });

  it('SIGTERM gives the Lease back: the other one goes on within seconds, moves nothing and writes nothing', async () => {
    const before = await holding();
    const versions = async () => (await scene.services()).map(({ metadata }) => metadata.resourceVersion);
    const standing = await versions();
    const at = systemClock.now();
    await a.stop();
    await until('the second is active', seconds(8), async () => (await scene.leaseHolder()).startsWith('second'));
    await scene.createServices(['after']);
    await until('a new Service has an address', seconds(8), async () =>
      (await scene.services()).some((one) => one.metadata.name === 'after' && addressesOf(one).length === 1),
    );
    expect(systemClock.now() - at).toBeLessThan(seconds(8));
    await judge(before, 2 * MANY + 1);
    const known = new Set(standing);
    expect((await versions()).filter((version) => !known.has(version)).length).toBe(1);
  });

  it('an address that becomes free and goes to another Service at once was never two Services’', async () => {
    await scene.configure(
      'pools: [{name: small, addresses: [10.201.0.1/32]}, {name: public, addresses: [10.200.0.0/16]}]\n',
    );
    const pinned = { metadata: { annotations: { 'clarion.dev/address-pool': 'small' } } };
    const make = (name: string) =>
      scene.api.request({
        method: 'POST',
        path: '/api/v1/namespaces/default/services',
        body: { metadata: { name, ...pinned.metadata }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } },
      });
    const ownerOf = async (ip: string) =>
      (await scene.services()).filter((one) => addressesOf(one).includes(ip)).map(({ metadata }) => metadata.name);
    await make('one');
    await until('the first has it', seconds(5), async () => (await ownerOf('10.201.0.1')).includes('one'));
    await make('two');
    await until('the second is told why not', seconds(5), async () =>
      (await scene.services()).some(
        ({ metadata, status }) =>
          metadata.name === 'two' && status.conditions?.some(({ reason }) => reason === 'PoolExhausted'),
      ),
    );
    const seen: (readonly string[])[] = [];
    await scene.api.request({ method: 'DELETE', path: '/api/v1/namespaces/default/services/one' });
    await until('the second has it', seconds(5), async () => {
      seen.push(await ownerOf('10.201.0.1'));
      return seen.at(-1)?.includes('two') ?? false;
    });
    for (const owners of seen) expect(owners.length).toBeLessThanOrEqual(1);
  });
});
