import { ms } from '../../../base/clock.ts';
import { configMap, POOL, service, WEB4 } from '../manifests.ts';
import { conditionOf } from '../service-news.ts';
import { pause, type Tale } from '../tale.ts';
import { NODE_MAC } from '../world.ts';

export async function editPool(tale: Tale): Promise<void> {
  const { world, status, progress, promises } = tale;
  progress.scene('The pool is edited while it runs', 'a request every 10 ms throughout');
  const [news, neighbours] = [status.mark(), world.neighbours.mark()];
  const before = new Map(status.all().map(({ name, ingress }) => [name, ingress.join()]));
  let over = false;
  const requests = (async () => {
    const answers = [];
    for (; !over; await pause(ms(10))) answers.push(world.client.get(`http://${WEB4}/`));
    return Promise.all(answers);
  })();
  try {
    const lower = ['192.0.2.190-192.0.2.209', '2001:db8:2::190-2001:db8:2::209'];
    world.write('config.yaml', configMap({ public: lower }));
    const written = world.write('late.yaml', service({ name: 'late', port: 81, families: 'IPv4' }));
    const late = await status.first('late', 'has an address', news, ({ ingress }) => ingress.length > 0);
    progress.line('you', `the pool begins at 192.0.2.190 now; a new Service, shop/late`);
    progress.line(
      'controller',
      `shop/late: ${conditionOf(late, 'Allocated')?.message}. shop/web stays`,
      late.at - written,
    );
    world.write('config.yaml', configMap({ public: ['192.0.2.190-192.0.2.199', '2001:db8:2::190-2001:db8:2::199'] }));
    const kept = await status.first(
      'web',
      'is told about the pool',
      news,
      (entry) => conditionOf(entry, 'Allocated')?.reason === 'AddressOutsidePools',
    );
    progress.line('you', `the pool ends at 192.0.2.199: shop/web is outside`);
    progress.line('controller', `shop/web keeps its addresses: ${conditionOf(kept, 'Allocated')?.message}`);
    const mended = status.mark();
    world.write('config.yaml', configMap({ public: [...lower.slice(0, 1), POOL[1]!] }));
    await status.first(
      'web',
      'is well again',
      mended,
      (entry) => conditionOf(entry, 'Allocated')?.reason === 'Assigned',
    );
    await pause(ms(200));
  } finally {
    over = true;
  }
  const answers = await requests;
  const moved = [...status.news.since(news)].filter(
    ({ name, ingress }) => before.has(name) && before.get(name) !== ingress.join(),
  );
  const macs = world.neighbours
    .since(neighbours)
    .filter((event) => event.address === WEB4 && event.mac !== undefined && event.mac !== NODE_MAC);
  promises.measured('lost', answers.filter(({ ok }) => !ok).length);
  promises.measured('moved', moved.length + macs.length);
  progress.line(
    'client',
    `${answers.length} requests, ${answers.filter(({ ok }) => !ok).length} lost; ${moved.length} addresses moved`,
  );
}
