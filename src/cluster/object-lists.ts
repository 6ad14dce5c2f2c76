import type { ClusterReader, ObjectLists, PassObjects } from './ports.ts';

/** Everything that a pass reads: the same maps always. */
export const passObjects = (reader: ClusterReader): PassObjects => ({
  Service: reader.objects('Service'),
  EndpointSlice: reader.objects('EndpointSlice'),
  Node: reader.objects('Node'),
  Namespace: reader.objects('Namespace'),
});

/** Everything there is, as of now. */
export const listObjects = (reader: ClusterReader): ObjectLists => ({
  Service: reader.list('Service'),
  EndpointSlice: reader.list('EndpointSlice'),
  Node: reader.list('Node'),
  Namespace: reader.list('Namespace'),
  Secret: reader.list('Secret'),
  ConfigMap: reader.list('ConfigMap'),
});
