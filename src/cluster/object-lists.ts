import type { ClusterReader, ObjectLists } from './ports.ts';

/** Everything that a pass reads, as of now; the same arrays until one of their objects changes. */
export const listObjects = (reader: ClusterReader): ObjectLists => ({
  Service: reader.list('Service'),
  EndpointSlice: reader.list('EndpointSlice'),
  Node: reader.list('Node'),
  Namespace: reader.list('Namespace'),
  Secret: reader.list('Secret'),
  ConfigMap: reader.list('ConfigMap'),
});
