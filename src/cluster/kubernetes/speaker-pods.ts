import type { Named } from '../sorted-objects.ts';
import { fieldsOf } from './api-answer.ts';
import { ObjectStore } from './object-store.ts';
import type { WatchedResource } from './reflector-driver.ts';
import type { SpeakerPod } from './report-stream.ts';

/** The Pods of the speakers, by their labels. */
export const speakerPods = (namespace: string): WatchedResource => ({
  name: 'pods',
  path: `/api/v1/namespaces/${namespace}/pods`,
  labelSelector: 'app.kubernetes.io/name=clarion,app.kubernetes.io/component=speaker',
});

export const speakerPodStore = (): ObjectStore<SpeakerPod & Named> => new ObjectStore(readSpeakerPod);

function readSpeakerPod(raw: Readonly<Record<string, unknown>>): (SpeakerPod & Named) | undefined {
  const { namespace, name, uid, deletionTimestamp } = fieldsOf(raw['metadata']);
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined;
  const running = fieldsOf(raw['status'])['phase'] === 'Running' && typeof deletionTimestamp !== 'string';
  return { namespace, name, uid, running };
}
