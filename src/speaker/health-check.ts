import { get } from 'node:http';
import type { Milliseconds } from '../base/clock.ts';

/**
 * Whether this node's data path says that it can serve: kube-proxy answers 200 on the healthCheckNodePort of a Service with
 * externalTrafficPolicy Local where it has a local endpoint *in its rules*. Anything else, silence included, is a no.
 */
export function healthCheck(port: number, patience: Milliseconds): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/healthz', timeout: patience, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', () => resolve(false));
  });
}
