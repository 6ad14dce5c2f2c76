import { machineTime, seconds } from '../src/base/clock.ts';
import type { ApiClient } from '../src/cluster/kubernetes/api-client.ts';
import { Feed } from '../src/lab/feed.ts';

/** A Service that has an address in its status for the first time, and when a watch of the bench's own showed it. */
export interface Seen {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly at: number;
}

export interface ServiceObject {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] } };
}

/** '': none. */
export const addressOf = ({ status }: ServiceObject): string => status.loadBalancer?.ingress?.[0]?.ip ?? '';

/** Each Service once. Resolves when the API server has begun to tell. */
export async function watchStatuses(api: ApiClient): Promise<Feed<Seen>> {
  const statuses = new Feed<Seen>();
  const birth = new Feed<true>();
  const known = new Set<string>();
  // An API server ends the watch of who does not read fast enough, as this process while it makes 10,000 objects.
  const watch = (): void =>
    void api.stream(
      '/api/v1/services?watch=1',
      {
        opened: () => birth.push(true),
        line(text) {
          const at = machineTime();
          // Of what changes beside it nothing is of interest.
          if (!text.includes('"ingress"')) return;
          const { object } = JSON.parse(text) as { readonly object: ServiceObject };
          const { namespace, name } = object.metadata;
          const address = addressOf(object);
          if (address === '' || known.has(`${namespace}/${name}`)) return;
          known.add(`${namespace}/${name}`);
          statuses.push({ namespace, name, address, at });
        },
        ended: ({ kind }) => {
          if (kind === 'closed') watch();
        },
      },
      { idleTimeout: seconds(600) },
    );
  watch();
  await birth.first('the watch of statuses starts', 0, seconds(10), () => true);
  return statuses;
}
