import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { inPod, serviceAccountFolder } from '../../src/lab/kubernetes/service-account.ts';
import { LoggedProgram } from '../../src/lab/logged-program.ts';
import { find, type KubernetesObject, kustomized, podSpecOf } from '../manifests/objects.ts';
import { kubernetes, kubernetesSkipNote, type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';

/**
 * The rules of the manifests' Roles, taken away one by one: what a process says then, and whether it is ready. Every case is a
 * namespace with an installation of its own, whose account has all rules but one, and a Service of a class of its own.
 */
type Who = 'controller' | 'speaker';
interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}
interface Case {
  readonly who: Who;
  /** As in the manifests: kind of the role, resources and verbs. Undefined: all rules are there. */
  readonly without: string | undefined;
  /** What a line of the log says; undefined: nothing of rights. */
  readonly says: readonly string[] | undefined;
  /** What /readyz says. */
  readonly ready: RegExp;
  readonly address: boolean;
}

const OK = /^ok$/;
const NOT_READ = /the cluster has not been read yet: .*forbidden/;
const WAITING = ['waiting for the API server; nothing is done before the cluster was read'];
const CASES: readonly Case[] = [
  { who: 'controller', without: undefined, says: undefined, ready: OK, address: true },
  ...['services, nodes, namespaces: list, watch', 'endpointslices: list, watch'].map(
    (rule): Case => ({
      who: 'controller',
      without: `ClusterRole ${rule}`,
      says: WAITING,
      ready: NOT_READ,
      address: false,
    }),
  ),
  {
    who: 'controller',
    without: 'ClusterRole services/status: patch',
    says: ['status not written, will try again', 'the ClusterRole needs', '"services/status"', '"patch"'],
    ready: OK,
    address: false,
  },
  {
    who: 'controller',
    without: 'ClusterRole events: create, patch',
    says: ['an event could not be written', 'the ClusterRole needs', '"events"', '"create"'],
    ready: OK,
    address: true,
  },
  { who: 'controller', without: 'Role configmaps: list, watch', says: WAITING, ready: NOT_READ, address: false },
  {
    who: 'controller',
    without: 'Role configmaps: update',
    says: ['the effective configuration could not be published', 'the Role', '"configmaps"', '"update"'],
    ready: OK,
    address: true,
  },
  {
    who: 'controller',
    without: 'Role configmaps: create',
    says: ['the effective configuration could not be published', 'the Role', '"configmaps"', '"create"'],
    ready: OK,
    address: true,
  },
  {
    who: 'controller',
    without: 'Role secrets: get',
    says: ['waiting for the membership key', 'the Role', '"secrets"', '"get"'],
    ready: /the membership key has not been read yet/,
    address: true,
  },
  {
    who: 'controller',
    without: 'Role secrets: create',
    says: ['waiting for the membership key', 'the Role', '"secrets"', '"create"'],
    ready: /the membership key has not been read yet/,
    address: true,
  },
  {
    who: 'controller',
    without: 'Role leases: get, update',
    says: ['the lease cannot be read or written', 'the Role', '"leases"', '"get"'],
    ready: OK,
    address: false,
  },
  {
    who: 'controller',
    without: 'Role leases: create',
    says: ['the lease cannot be read or written', 'the Role', '"leases"', '"create"'],
    ready: OK,
    address: false,
  },
  { who: 'controller', without: 'Role pods: get, list, watch', says: WAITING, ready: NOT_READ, address: false },
  {
    who: 'controller',
    without: 'Role pods/proxy: get',
    says: ['the report of a speaker is refused', 'pods/proxy'],
    ready: OK,
    address: true,
  },
  // Nobody publishes a configuration there; what it waits for is that, and not a right.
  {
    who: 'speaker',
    without: undefined,
    says: undefined,
    ready: /^no configuration has been published yet$/,
    address: false,
  },
  ...['services, nodes, namespaces: list, watch', 'endpointslices: list, watch'].map(
    (rule): Case => ({
      who: 'speaker',
      without: `ClusterRole ${rule}`,
      says: WAITING,
      ready: NOT_READ,
      address: false,
    }),
  ),
  { who: 'speaker', without: 'Role configmaps: list, watch', says: WAITING, ready: NOT_READ, address: false },
  {
    who: 'speaker',
    without: 'Role secrets: get',
    says: ['waiting for the membership key', 'the Role', '"secrets"', '"get"'],
    ready: /the membership key has not been read yet/,
    address: false,
  },
];

/** The container that the manifest describes, as far as a process can be put into it: capabilities, no escalation, read-only root. */
function confined(who: Who, command: readonly string[]): readonly string[] {
  const workload = find(base, who === 'speaker' ? 'DaemonSet' : 'Deployment', `clarion-${who}`);
  const { capabilities, allowPrivilegeEscalation, readOnlyRootFilesystem } =
    podSpecOf(workload).containers[0]?.securityContext ?? expect.fail('a container without a securityContext');
  expect({ allowPrivilegeEscalation, readOnlyRootFilesystem, drop: capabilities.drop }).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    drop: ['ALL'],
  });
  const bounding = ['-all', ...(capabilities.add ?? []).map((name) => `+${name.toLowerCase()}`)].join(',');
  const limits = `setpriv --bounding-set ${bounding} --inh-caps -all --no-new-privs`;
  return ['sh', '-c', `mount -o remount,bind,ro / && exec ${limits} "$@"`, 'sh', ...command];
}

const nameOf = (kind: string, { resources, verbs }: Rule): string =>
  `${kind} ${resources.join(', ')}: ${verbs.join(', ')}`;
const base = kubernetes.available ? kustomized('base') : [];
const rulesOf = (role: KubernetesObject): readonly Rule[] => role['rules'] as readonly Rule[];

/** The ServiceAccount, its roles and their bindings, in a namespace of its own. */
function account(who: Who, without: string | undefined, namespace: string): object[] {
  const name = `clarion-${who}`;
  const roles = (['ClusterRole', 'Role'] as const).map((kind) => find(base, kind, name));
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    ...roles.flatMap((role) => {
      const { apiVersion, kind } = role;
      const metadata = kind === 'ClusterRole' ? { name: namespace } : { name, namespace };
      const rules = rulesOf(role).filter((rule) => nameOf(kind, rule) !== without);
      return [
        { apiVersion, kind, metadata, rules },
        {
          apiVersion,
          kind: `${kind}Binding`,
          metadata,
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: metadata.name },
          subjects: [{ kind: 'ServiceAccount', name, namespace }],
        },
      ];
    }),
  ];
}

const configMap = (namespace: string, pool: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'clarion', namespace },
  data: { 'config.yaml': `pools: [{name: ${pool}, addresses: [192.0.2.0/28]}]` },
});
const asText = (objects: readonly object[]): string => objects.map((object) => JSON.stringify(object)).join('\n---\n');

const ports = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const found = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
};

describe.skipIf(!kubernetes.available)(`rights, taken away one by one${kubernetesSkipNote}`, () => {
  let control: TestControlPlane;
  const running = new Map<
    Case,
    { readonly program: LoggedProgram; readonly port: number; readonly namespace: string }
  >();
  const kubectl = (...words: string[]): Promise<string> => control.plane.kubectl(words);

  beforeAll(async () => {
    control = await testControlPlane('rights');
    const { plane } = control;
    const free = await ports(CASES.length);
    const namespaces = CASES.map(({ who }, index) => `${who}-${index}`);
    await plane.apply(asText(namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))));
    await plane.apply(
      asText([
        { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' } },
        ...CASES.flatMap(({ who, without }, index) => {
          const namespace = namespaces[index] ?? '';
          const speaker = {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: {
              name: 'clarion-speaker-x',
              namespace,
              labels: { 'app.kubernetes.io/name': 'clarion', 'app.kubernetes.io/component': 'speaker' },
            },
            spec: { nodeName: 'node-a', containers: [{ name: 'speaker', image: 'clarion' }] },
          };
          const service = {
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name: namespace, namespace: 'default' },
            spec: { type: 'LoadBalancer', loadBalancerClass: `example.com/${namespace}`, ports: [{ port: 80 }] },
          };
          return [
            ...account(who, without, namespace),
            ...(who === 'controller'
              ? [configMap(namespace, 'public'), speaker, service]
              : [
                  // What its controller would have made.
                  {
                    apiVersion: 'v1',
                    kind: 'Secret',
                    metadata: { name: 'clarion-membership', namespace },
                    stringData: { 'membership-key': `${Buffer.alloc(32, 1).toString('base64')}\n` },
                  },
                ]),
          ];
        }),
      ]),
    );
    await Promise.all(
      CASES.map(async (one, index) => {
        const namespace = namespaces[index] ?? '';
        const port = free[index] ?? 0;
        if (one.who === 'controller') {
          const running = {
            status: {
              phase: 'Running',
              podIP: '192.0.2.11',
              podIPs: [{ ip: '192.0.2.11' }],
              conditions: [{ type: 'Ready', status: 'True' }],
            },
          };
          await kubectl(
            'patch',
            'pod',
            'clarion-speaker-x',
            '-n',
            namespace,
            '--subresource=status',
            '-p',
            JSON.stringify(running),
          );
        }
        const folder = await serviceAccountFolder(plane, { namespace, name: `clarion-${one.who}` });
        const program = new LoggedProgram(plane.lab, undefined, join(plane.folder, 'log', namespace));
        const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
        const words = [process.execPath, main, one.who, '--node=node-a', `--status-port=${port}`];
        const more = one.who === 'controller' ? [`--load-balancer-class=example.com/${namespace}`] : [];
        const command = confined(one.who, [...words, ...more]);
        program.start(inPod({ folder }, { address: '127.0.0.1', port: plane.apiServer.port }, command));
        running.set(one, { program, port, namespace });
      }),
    );
    // Nineteen processes at once, on a machine that may have other work.
  }, 120_000);
  afterAll(async () => {
    await Promise.all([...running.values()].map(({ program }) => program.kill()));
    await control?.stop();
  });

  it('of every rule there is a case', () => {
    for (const who of ['controller', 'speaker'] as const) {
      const roles = ['ClusterRole', 'Role'].map((kind) => find(base, kind, `clarion-${who}`));
      const rules = roles.flatMap((role) => rulesOf(role).map((rule) => nameOf(role.kind, rule)));
      const cases = CASES.filter((one) => one.who === who).flatMap(({ without }) => without ?? []);
      expect(cases.toSorted()).toEqual(rules.toSorted());
    }
  });

  it.each(CASES.map((one) => [one.who, one.without ?? 'nothing', one] as const))(
    'the %s without %s',
    async (_who, _what, one) => {
      const { program, port, namespace } = running.get(one) ?? expect.fail('it was not started');
      const log = (): string => program.log();
      // The quotation marks of a message, as they are meant.
      const lines = (): string[] => log().replaceAll('\\"', '"').split('\n');
      const readyz = async (): Promise<string> => {
        const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
        return answer === undefined ? 'no answer' : (await answer.text()).trim();
      };
      const soon = (what: string, holds: () => Promise<boolean> | boolean): Promise<void> =>
        until(what, seconds(25), holds, async () => [await readyz(), log().slice(-3000)]);
      const given = (): Promise<string> =>
        kubectl('get', 'service', namespace, '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}');
      // What was published is changed, so that a right to update is needed.
      if (one.without === 'Role configmaps: update') {
        const names = (): Promise<string> => kubectl('get', 'configmap', '-n', namespace, '-o', 'name');
        await soon('published', async () => (await names()).includes('clarion-effective'));
        await control.plane.apply(asText([configMap(namespace, 'other')]));
      }
      const { says, ready, address } = one;
      if (says !== undefined)
        await soon('it is said', () => lines().some((line) => says.every((words) => line.includes(words))));
      await soon('ready as expected', async () => ready.test(await readyz()));
      if (address) await soon('an address', async () => (await given()) !== '');
      else if (one.who === 'controller') expect(await given()).toBe('');
      if (says === undefined) expect(log()).not.toMatch(/forbidden|a right is missing/);
    },
  );
});
