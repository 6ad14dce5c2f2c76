import { holdingsText } from '../cluster.ts';
import { endpointSlices, node, WEB, WEB4, WEB6 } from '../manifests.ts';
import { browse, type Tale } from '../tale.ts';
import { NODES, nodeAddress } from '../world.ts';

export async function three(tale: Tale): Promise<void> {
  const { world, progress, cluster } = tale;
  progress.scene('Three nodes', 'a controller, three speakers, the same folder');
  for (const [index, name] of NODES.entries()) world.write(`${name}.yaml`, node(name, nodeAddress(index)));
  world.write('web-endpoints.yaml', endpointSlices(WEB, true, NODES));
  progress.line('you', 'Nodes node-b and node-c, a ready pod on each');
  await Promise.all([cluster.startController(), ...NODES.map((name) => cluster.startSpeaker(name))]);
  const holdings = await cluster.settled();
  progress.line('controller', `shop/web has ${WEB4} and ${WEB6} as before: they are in its status`);
  progress.line('speakers', `${holdingsText(holdings)}; clarion status says it`);
  await browse(tale, `http://${WEB4}/`);
}
