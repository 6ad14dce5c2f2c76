import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { StatusReport } from '../../src/status/report.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, FIRST_NODE, Scene, until } from './scene.ts';

/** Somebody starts a speaker on a third machine under the name of the second one, on the same folder. */
const NODES = ['node-a', 'node-b'];
const VIPS = ['192.0.2.200', '192.0.2.201', '192.0.2.202', '192.0.2.203'];

describe.skipIf(!privateTree.inside)(`two speakers with one node name${skipNote}`, () => {
  const scene = new Scene('e2n', [...NODES, 'node-c']);
  const started: Daemon[] = [];
  beforeAll(async () => {
    await scene.build();
    const pools =
      'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.203]}\nlayer2: {conflictProbe: {count: 0}}\n';
    scene.write('config.json', configMap(pools));
    scene.write('nodes.json', ...NODES.map((name, i) => node(name, { address: `192.0.2.${FIRST_NODE + i}` })));
    for (const i of VIPS.keys()) scene.write(`s${i}.json`, service(`s${i}`), endpointSlice(`s${i}`, NODES));
  });
  afterAll(async () => {
    await Promise.all(started.map((daemon) => daemon.stop('SIGKILL')));
    await scene.stop();
  });

  const holders = async (of: Daemon): Promise<readonly (string | undefined)[]> => {
    const { body } = await of.get('/status');
    return (JSON.parse(body) as StatusReport).speaker?.addresses.map(({ holder }) => holder) ?? [];
  };

  test('the later one holds nothing, reports nothing and says why; the others say where it is', async () => {
    const [a] = await Promise.all([
      scene.start({ command: 'speaker', node: 'node-a' }),
      scene.start({ command: 'speaker', node: 'node-b' }),
      scene.start({ command: 'controller', node: 'node-a' }),
    ]).then((daemons) => {
      started.push(...daemons);
      return daemons;
    });
    const announced = (): boolean => VIPS.every((_, i) => scene.condition(`shop/s${i}`, 'Announced') === 'True');
    await until('all are announced', async () => announced() && (await holders(a)).every((one) => one !== undefined));
    const before = await holders(a);
    const report = (): unknown => {
      const said = readFileSync(join(scene.folder, '.clarion', 'reports', 'node-b.json'), 'utf8');
      return (JSON.parse(said) as { addresses: unknown }).addresses;
    };
    const reported = report();

    const args = ['--directory', scene.folder, '--node', 'node-b', '--status-port', '0'];
    const later = scene.spawn({ command: 'speaker', node: 'node-c', args });
    started.push(later);
    await later.log.first('it says so', 0, seconds(10), ({ msg }) =>
      msg.startsWith('another speaker has the name of this node and came first'),
    );
    await until('the others say where it is', async () => {
      const { body } = await a.get('/status');
      const told = (JSON.parse(body) as StatusReport).speaker?.namesakes ?? [];
      return told.some(
        (one) => one.node === 'node-b' && one.addresses.some((at) => at.startsWith(`192.0.2.${FIRST_NODE + 2}:`)),
      );
    });
    await later.stop();
    expect(await holders(a)).toEqual(before);
    expect(report()).toEqual(reported);
    expect(announced()).toBe(true);
    expect(await scene.resolve(VIPS[0]!)).toBeDefined();
  });
});
