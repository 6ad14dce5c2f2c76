import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/commands/plan.ts';
import type { Plan, ServicePlan } from '../../src/controller/plan.ts';

interface Outcome {
  readonly text: string;
  readonly exitCode: number | string | null | undefined;
}

async function run(...argv: readonly string[]): Promise<Outcome> {
  const program = new Command('clarion').exitOverride();
  register(program);
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const before = process.exitCode;
  try {
    await program.parseAsync(['plan', ...argv], { from: 'user' });
    return { text, exitCode: process.exitCode };
  } finally {
    write.mockRestore();
    process.exitCode = before;
  }
}

const plan = async (...argv: readonly string[]): Promise<Plan> => JSON.parse((await run(...argv, '-o', 'json')).text);

const example = ['--config', 'test/commands/plan/config.yaml', '--manifests', 'test/commands/plan/manifests'];

describe('a folder with some of everything', () => {
  it('as JSON', async () => {
    const { text, exitCode } = await run(...example, '-o', 'json');
    await expect(text).toMatchFileSnapshot('plan/as-json.txt');
    expect(exitCode).toBe(0);
  });

  it('as text', async () => {
    const { text } = await run(...example);
    await expect(text).toMatchFileSnapshot('plan/as-text.txt');
  });

  it('--directory is another name of --manifests', async () => {
    const [first, second, ...rest] = example;
    const other = await run(first!, second!, '--directory', rest[1]!);
    expect(other).toEqual(await run(...example));
  });

  it('--ignore-exclude-lb takes labelled nodes', async () => {
    const { services } = await plan(...example, '--ignore-exclude-lb');
    expect(services.flatMap(({ refusals }) => refusals.filter(({ reason }) => reason === 'node-excluded'))).toEqual([]);
    expect(services.find(({ name }) => name === 'proxy')?.announcements.map(({ node }) => node)).toContain('node-c');
  });

  it('--load-balancer-class plans for that class only', async () => {
    const { services } = await plan(...example, '--load-balancer-class', 'example.com/other');
    const given = services.filter(({ addresses }) => addresses.length > 0);
    expect(given.map(({ name }) => name)).toEqual(['other-class']);
  });

  it('every node of an address is in an announcement or a refusal; layer 2 has one holder', async () => {
    const { services } = await plan(...example);
    expect(services.filter(({ addresses }) => addresses.length > 0)).toHaveLength(9);
    for (const { addresses, announcements, refusals } of services)
      for (const address of addresses) {
        const nodes = [...announcements, ...refusals].filter((one) => one.address === address).map(({ node }) => node);
        expect([...new Set(nodes)].sort()).toEqual(['node-a', 'node-b', 'node-c']);
        const holders = announcements.filter((one) => one.address === address && one.protocol === 'layer2');
        expect(holders.length).toBeLessThanOrEqual(1);
      }
  });
});

describe('folders made for one thing', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clarion-plan-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  const service = (name: string, spec: object = {}, more: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
    ...more,
  });
  const slice = (name: string, node: string): object => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'shop', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], nodeName: node, conditions: { ready: true } }],
  });
  const node = (name: string, metadata: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, ...metadata },
  });
  const objects = (...items: readonly object[]): string =>
    write('manifests/all.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items })).replace('/all.json', '');
  const CONFIG = 'pools: [{name: public, addresses: [203.0.113.0/28]}]\n';
  const planned = async (config: string, ...items: readonly object[]): Promise<ServicePlan[]> => [
    ...(await plan('--config', write('config.yaml', config), '--manifests', objects(...items))).services,
  ];

  it('without a Node the folder is one node, named by --node', async () => {
    const manifests = objects(service('web'), slice('web', 'lab-1'));
    const { services } = await plan('--config', write('c.yaml', CONFIG), '--manifests', manifests, '--node', 'lab-1');
    expect(services[0]?.announcements).toEqual([{ address: '203.0.113.0', protocol: 'layer2', node: 'lab-1' }]);
    expect(services[0]?.refusals).toEqual([]);
  });

  it('an address in a status is kept, a free one is not drawn twice, and the older of two claims wins', async () => {
    const status = (ip: string): object => ({ status: { loadBalancer: { ingress: [{ ip }] } } });
    const dated = (name: string, creationTimestamp: string, ip: string): object => ({
      ...service(name, {}, status(ip)),
      metadata: { namespace: 'shop', name, creationTimestamp },
    });
    const services = await planned(
      CONFIG,
      service('a-new-one'),
      dated('claims-late', '2026-02-01T00:00:00Z', '203.0.113.0'),
      dated('claims-early', '2026-01-01T00:00:00Z', '203.0.113.0'),
      node('node-a'),
    );
    expect(services.map(({ name, addresses }) => [name, ...addresses])).toEqual([
      ['a-new-one', '203.0.113.2'],
      ['claims-early', '203.0.113.0'],
      ['claims-late', '203.0.113.1'],
    ]);
  });

  it('layer 2 and BGP at once: a holder, routes from every node, and not-elected for the others', async () => {
    const [web] = await planned(
      `${CONFIG}l2Advertisements: [{}]\nbgpAdvertisements: [{}]\npeers: [{name: tor, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1}]\n`,
      service('web'),
      slice('web', 'node-a'),
      node('node-a'),
      node('node-b'),
    );
    const holder = web!.announcements.find(({ protocol }) => protocol === 'layer2')?.node;
    const other = holder === 'node-a' ? 'node-b' : 'node-a';
    const address = '203.0.113.0';
    expect(web).toMatchObject({
      announcements: [
        { address, protocol: 'layer2', node: holder },
        { address, protocol: 'bgp', node: 'node-a', prefix: '203.0.113.0/32', peers: ['tor'] },
        { address, protocol: 'bgp', node: 'node-b', prefix: '203.0.113.0/32', peers: ['tor'] },
      ],
      refusals: [{ address, node: other, reason: 'not-elected' }],
    });
  });

  it('a node that is about to be deleted holds nothing while another one may, and that is said once for all Services', async () => {
    const leaving = {
      ...node('node-a'),
      spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
    };
    const config = write('config.yaml', CONFIG);
    const words = (...nodes: readonly object[]): string[] => [
      '--config',
      config,
      '--manifests',
      objects(service('web'), slice('web', 'node-a'), service('api'), slice('api', 'node-a'), ...nodes),
    ];
    const { services } = await plan(...words(leaving, node('node-b')));
    const address = '203.0.113.0';
    expect(services[0]).toMatchObject({
      announcements: [{ address, protocol: 'layer2', node: 'node-b' }],
      refusals: [{ address, node: 'node-a', reason: 'node-leaving' }],
    });
    const { text } = await run(...words(leaving, node('node-b')));
    expect(text.match(/node-leaving/g)).toHaveLength(1);
    const alone = await plan(...words(leaving));
    expect(alone.services[0]).toMatchObject({
      announcements: [{ address, protocol: 'layer2', node: 'node-a' }],
      refusals: [],
    });
  });

  it('a reason that bars every node is repeated for each, also for one that has a reason of its own', async () => {
    const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
    const [web] = await planned(CONFIG, service('web'), node('node-a'), node('node-b', { labels }));
    expect(web?.reason).toBe('no-endpoints');
    expect(web?.message).toContain('endpointslices');
    expect(web?.refusals.map(({ node: name, reason }) => [name, reason])).toEqual([
      ['node-a', 'no-endpoints'],
      ['node-b', 'no-endpoints'],
    ]);
  });

  it('reason and message are absent when all is well', async () => {
    const [web] = await planned(CONFIG, service('web'), slice('web', 'node-a'), node('node-a'));
    expect(Object.keys(web!)).toEqual(['namespace', 'name', 'addresses', 'pool', 'announcements', 'refusals']);
  });

  it('the same folder gives the same plan, whatever the order of its objects', async () => {
    const items = ['c', 'a', 'b'].flatMap((name) => [service(name), slice(name, 'node-a')]);
    const nodes = ['node-c', 'node-a', 'node-b'].map((name) => node(name));
    const one = await planned(CONFIG, ...items, ...nodes);
    expect(await planned(CONFIG, ...nodes.toReversed(), ...items.toReversed())).toEqual(one);
  });

  it.each([
    ['2^53 is a number', '2001:db8::/75', 2 ** 53],
    ['more is a string of digits', '2001:db8::/74', '18014398509481984'],
  ])('counts: %s', async (_title, prefix, total) => {
    const config = write('config.yaml', `pools: [{name: big, addresses: ["${prefix}"]}]\n`);
    const { pools } = await plan('--config', config, '--manifests', objects());
    expect(pools[0]).toMatchObject({ name: 'big', total, used: 0, ipv6: { total }, ipv4: { total: 0 } });
  });

  it('the ConfigMap may be one of the objects', async () => {
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'clarion', name: 'clarion' },
      data: { 'config.yaml': CONFIG },
    };
    const { services } = await plan('--manifests', objects(configMap, service('web'), node('node-a')));
    expect(services[0]?.pool).toBe('public');
  });

  it('a configuration in the legacy dialect is read, and said to be legacy', async () => {
    const legacy = 'address-pools: [{name: old, protocol: layer2, addresses: [203.0.113.0/28]}]\n';
    const config = write('config.yaml', legacy);
    const result = await plan('--config', config, '--manifests', objects(service('web'), slice('web', 'n'), node('n')));
    expect(result.problems.map(({ code }) => code)).toContain('legacy-dialect');
    expect(result.services[0]).toMatchObject({ pool: 'old', announcements: [{ protocol: 'layer2', node: 'n' }] });
  });

  it.each<[string, string, Record<string, string>, number]>([
    ['all is well', CONFIG, {}, 0],
    ['a Service that gets no address is no problem of the input', 'pools: []\n', {}, 0],
    ['a problem in the configuration', `${CONFIG}pols: []\n`, {}, 1],
    ['a file that is no YAML', CONFIG, { 'bad.yaml': 'kind: Service\n  metadata: {\n' }, 1],
    ['an object with nonsense in it', CONFIG, { 'bad.json': JSON.stringify(service('odd', { ports: 'none' })) }, 1],
  ])('exit code: %s', async (_title, config, files, code) => {
    const manifests = objects(service('web'), slice('web', 'node-a'), node('node-a'));
    for (const [name, text] of Object.entries(files)) write(`manifests/${name}`, text);
    const { text, exitCode } = await run(
      '--config',
      write('config.yaml', config),
      '--manifests',
      manifests,
      '-o',
      'json',
    );
    const result: Plan = JSON.parse(text);
    expect(exitCode).toBe(code);
    expect(result.problems.some(({ severity }) => severity === 'error')).toBe(code === 1);
    expect(result.services.map(({ name }) => name)).toContain('web');
  });

  it('people see problems as file:line:column, and the plan without what is bad', async () => {
    const config = write('config.yaml', `${CONFIG}pols: []\n`);
    const { text } = await run(
      '--config',
      config,
      '--manifests',
      objects(service('web'), slice('web', 'n'), node('n')),
    );
    expect(text).toContain(`\n${config}:2:1: unknown-key: `);
    expect(text).toContain('1 problem in 1 file.\n');
    expect(text).toMatch(/^SERVICE .*\nshop\/web +203\.0\.113\.0 +public +layer 2: n\n/);
  });

  it('one bad element, object or file never takes down a good one', async () => {
    const manifests = objects(service('web'), slice('web', 'node-a'), service('odd', { type: 5 }), node('node-a'));
    write('manifests/binary.yaml', '\u0000\u0001\u0002');
    const config = write(
      'config.yaml',
      'pools:\n- {name: bad, addresses: [1.2.3.4/99]}\n- {name: good, addresses: [203.0.113.0/28]}\n',
    );
    const { problems, services } = await plan('--config', config, '--manifests', manifests);
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(services.find(({ name }) => name === 'web')).toMatchObject({ pool: 'good', addresses: ['203.0.113.0'] });
  });

  it.each([
    ['no folder', [], 2, 'give the folder'],
    ['two folders', ['--manifests', 'a', '--directory', 'b'], 2, 'two names of one option'],
    [
      'a folder that is not there',
      ['--config', 'test/commands/plan/config.yaml', '--manifests', '/nowhere'],
      3,
      '/nowhere',
    ],
    [
      'a configuration that is not there',
      ['--config', '/nowhere.yaml', '--manifests', 'test/commands/plan'],
      3,
      '/nowhere.yaml',
    ],
    ['no configuration', ['--manifests', 'test/commands/plan/manifests'], 2, '--config'],
  ])('refused: %s', async (_title, argv, exitCode, message) => {
    await expect(run(...argv)).rejects.toMatchObject({ exitCode, message: expect.stringContaining(message) });
  });
});
