import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineTime, seconds } from '../../src/base/clock.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, Scene, until } from './scene.ts';

/**
 * Nodes meet on a network of their own (eth1), the virtual IPs are on another (eth0): membership cannot notice a silent cut
 * of that one, so the speakers watch it themselves.
 */
const NODES = ['node-a', 'node-b', 'node-c'];
const VIP = '192.0.2.200';

describe.skipIf(!privateTree.inside)(`virtual IPs on another network than the nodes' addresses${skipNote}`, () => {
  const scene = new Scene('e2e9', NODES);
  const daemons: Daemon[] = [];

  beforeAll(async () => {
    await scene.build();
    await scene.lab.run('switch', [
      'ip',
      'link',
      'add',
      'br1',
      'type',
      'bridge',
      'mcast_snooping',
      '0',
      'forward_delay',
      '0',
    ]);
    await scene.lab.run('switch', ['ip', 'link', 'set', 'br1', 'up']);
    for (const [i, name] of NODES.entries()) {
      const at = scene.lab.namespace(name);
      for (const command of [`link add m${i} type veth peer name eth1 netns ${at}`, `link set m${i} master br1 up`])
        await scene.lab.run('switch', ['ip', ...command.split(' ')]);
      await scene.lab.run(name, ['ip', 'addr', 'add', `10.9.0.${11 + i}/24`, 'dev', 'eth1']);
      await scene.lab.run(name, ['ip', 'link', 'set', 'eth1', 'up']);
    }
    scene.write('config.json', configMap(`pools:\n- {name: public, addresses: [${VIP}/32]}\n`));
    const nodes = NODES.map((name, i) => {
      const addresses = [{ type: 'InternalIP', address: `10.9.0.${11 + i}` }];
      return { ...node('a'), metadata: { name }, status: { addresses } };
    });
    scene.write('nodes.json', ...nodes);
    scene.write('one.json', service('one'), endpointSlice('one', NODES));
    daemons.push(await scene.start({ command: 'controller', node: 'node-a' }));
    for (const name of NODES) daemons.push(await scene.start({ command: 'speaker', node: name }));
    await until('the address is announced', async () => (await scene.resolve(VIP)) !== undefined, seconds(20));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop('SIGKILL')));
    await scene.stop();
  });

  const holder = async (): Promise<string | undefined> => {
    const mac = await scene.resolve(VIP);
    return NODES.find((name) => scene.mac(name) === mac);
  };
  const port = (name: string, state: 'disabled' | 'forwarding'): Promise<string> =>
    scene.lab.run('switch', ['bridge', 'link', 'set', 'dev', name, 'state', state]);

  test('a silent cut of the holder on that network moves the address; the link returns, and it stays', async () => {
    // Two of three quiet seconds, so that nobody is thought to have just come.
    await until('somebody holds it', async () => (await holder()) !== undefined);
    const first = (await holder())!;
    const cut = machineTime();
    await port(first, 'disabled');
    await until('another node answers', async () => ![first, undefined].includes(await holder()), seconds(4));
    // Resolving takes its time too: up to 800 ms where nobody answers.
    expect(machineTime() - cut).toBeLessThan(2500);
    const second = await holder();
    await port(first, 'forwarding');
    const watched = daemons[1 + NODES.indexOf(first)]!;
    await watched.log.first('its link lives again', 0, seconds(5), ({ reachesOthers }) => reachesOthers === true);
    expect(await holder()).toBe(second);
  });

  test('where nobody reaches anybody, somebody holds it all the same, and answers when the links are back', async () => {
    const speakers = NODES.map((name) => ({ name, log: daemons[1 + NODES.indexOf(name)]!.log }));
    const marks = speakers.map(({ log }) => log.mark());
    for (const name of NODES) await port(name, 'disabled');
    await Promise.all(
      speakers.map(({ log, name }, i) =>
        log.first(`the link of ${name} is dead`, marks[i]!, seconds(5), ({ reachesOthers }) => reachesOthers === false),
      ),
    );
    // Whose link is heard of last, or first, may be preferred for a moment; in the end one answers.
    for (const name of NODES) await port(name, 'forwarding');
    await until('it is answered for again', async () => (await holder()) !== undefined, seconds(4));
  });
});
