import { ADMIN, endpointSlices, LEGACY, service, WEB4 } from '../manifests.ts';
import { conditionOf } from '../service-news.ts';
import { browse, measured, type Tale } from '../tale.ts';

export async function share(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('A second Service shares the address', 'shop/admin, port 8080, same key');
  const news = status.mark();
  world.write('admin-endpoints.yaml', endpointSlices(ADMIN, true));
  const written = world.write('admin.yaml', service(ADMIN));
  const given = await status.first('admin', 'shares the address', news, ({ ingress }) => ingress.length > 0);
  progress.line(
    'controller',
    `${conditionOf(given, 'Allocated')?.message}`,
    measured(tale, 'assigned', given.at - written),
  );
  await browse(tale, `http://${WEB4}:8080/`);
  await browse(tale, `http://${WEB4}/`);
}

export async function refuse(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('One that cannot have one, and why', 'shop/legacy');
  const news = status.mark();
  progress.line('you', `a Service that asks for ${WEB4} too, without that key`);
  const written = world.write('legacy.yaml', service(LEGACY));
  const refused = await status.first(
    'legacy',
    'is refused',
    news,
    (entry) => conditionOf(entry, 'Allocated')?.status === 'False',
  );
  const why = conditionOf(refused, 'Allocated');
  progress.line('controller', `${why?.reason}: ${why?.message}`, refused.at - written);
}
