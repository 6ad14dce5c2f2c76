import { get } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { Milliseconds } from '../base/clock.ts';

/** More than any node has that holds no addresses for others (IPVS puts every Service's on an interface). */
const MOST_ADDRESSES = 32;

/**
 * Whether this node's data path says that it can serve: kube-proxy answers 200 on the healthCheckNodePort of a Service with
 * externalTrafficPolicy Local where it has a local endpoint *in its rules*. Anything else, silence included, is a no.
 * It listens where its `nodePortAddresses` say: everywhere by default with iptables, and with nftables on the addresses of the
 * Node alone, not on loopback. So loopback is asked first, and where nobody listens there the addresses of this machine.
 */
export async function healthCheck(port: number, patience: Milliseconds): Promise<boolean> {
  const loopback = await ask('127.0.0.1', port, patience);
  if (loopback !== 'refused') return loopback === 'yes';
  const answers = await Promise.all(ownAddresses().map((address) => ask(address, port, patience)));
  return answers.includes('yes');
}

function ask(host: string, port: number, patience: Milliseconds): Promise<'yes' | 'no' | 'refused'> {
  return new Promise((resolve) => {
    const request = get({ host, port, path: '/healthz', timeout: patience, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'yes' : 'no');
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'no'));
  });
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0)
    .slice(0, MOST_ADDRESSES)
    .map(({ address }) => address);
