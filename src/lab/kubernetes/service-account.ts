import { createSign } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type { ControlPlane } from './control-plane.ts';

/**
 * What the kubelet gives to a Pod: the files of its ServiceAccount (token, ca.crt, namespace) in the place where every
 * client looks for them, and two environment variables.
 */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

const MOUNTED_AT = '/run/secrets/kubernetes.io/serviceaccount';

/** A token by TokenRequest. The server refuses lifetimes below ten minutes. Ends with `boundTo`, a Secret or a Pod, where given. */
export async function requestToken(
  plane: ControlPlane,
  { namespace, name }: ServiceAccount,
  boundTo?: { readonly kind: 'Secret' | 'Pod'; readonly name: string },
): Promise<string> {
  const bound = boundTo === undefined ? [] : ['--bound-object-kind', boundTo.kind, '--bound-object-name', boundTo.name];
  const token = await plane.kubectl(['create', 'token', name, '--namespace', namespace, '--duration=1h', ...bound]);
  return token.trim();
}

/**
 * A token of any lifetime in seconds, signed with the server's own key. The server gives 60 s of leeway after the end
 * (-55 means 5 s left, -70 is refused at once) and remembers a good verdict for 10 s.
 */
export async function mintToken(plane: ControlPlane, account: ServiceAccount, lifetime: number): Promise<string> {
  const { namespace, name } = account;
  const words = ['get', 'serviceaccount', name, '--namespace', namespace, '--output', 'jsonpath={.metadata.uid}'];
  const uid = await plane.kubectl(words);
  const now = Math.floor(systemClock.wallTime().getTime() / 1000);
  const issuer = 'https://kubernetes.default.svc';
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'ES256', typ: 'JWT' });
  const claims = part({
    iss: issuer,
    aud: [issuer],
    iat: now,
    nbf: now - 60,
    exp: now + lifetime,
    sub: `system:serviceaccount:${namespace}:${name}`,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  });
  const key = readFileSync(join(plane.folder, 'sa.key'));
  // RFC 7518 §3.4: the two numbers side by side, not in DER.
  const signature = createSign('SHA256').update(`${head}.${claims}`).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${head}.${claims}.${signature.toString('base64url')}`;
}

/** Makes the folder that is mounted into a Pod, of a name of its own where several have one account. */
export async function serviceAccountFolder(
  plane: ControlPlane,
  account: ServiceAccount,
  token?: string,
  name = account.name,
): Promise<string> {
  const folder = join(plane.folder, 'pods', `${account.namespace}-${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ca.crt'), readFileSync(plane.caFile));
  writeFileSync(join(folder, 'namespace'), account.namespace);
  rotateToken(folder, token ?? (await requestToken(plane, account)));
  return folder;
}

/** Another token, as the kubelet puts it there before the old one ends. */
export function rotateToken(folder: string, token: string): void {
  writeFileSync(join(folder, 'token.new'), token);
  renameSync(join(folder, 'token.new'), join(folder, 'token'));
}

/**
 * The command as the process of a Pod that has this folder mounted, and this host name where one is given: with namespaces of
 * its own for both, so others do not see it. `apiServer`: where such a process finds it (192.0.2.10, or 10.96.0.1 where a kube-proxy runs).
 */
export function inPod(
  { folder, hostname }: { readonly folder: string; readonly hostname?: string },
  apiServer: { readonly address: string; readonly port: number },
  command: readonly string[],
): readonly string[] {
  const env = [`KUBERNETES_SERVICE_HOST=${apiServer.address}`, `KUBERNETES_SERVICE_PORT=${apiServer.port}`];
  const steps = [
    `mkdir -p ${MOUNTED_AT} && mount --bind "$0" ${MOUNTED_AT}`,
    ...(hostname === undefined ? [] : [`echo ${hostname} >/proc/sys/kernel/hostname`]),
    'exec "$@"',
  ];
  // What a terminal's user has is not in a container. unshare and sh are replaced by the command, so that signals reach it.
  const container = ['env', '-u', 'KUBECONFIG', 'HOME=/', ...env, 'unshare', '--mount', '--uts'];
  return [...container, 'sh', '-c', steps.join(' && '), folder, ...command];
}
