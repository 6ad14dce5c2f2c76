import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestToken } from '../../src/lab/kubernetes/service-account.ts';
import {
  chart,
  find,
  helm,
  helmSkipNote,
  type KubernetesObject,
  kustomized,
  manifests,
  podSpecOf,
  run,
} from '../manifests/objects.ts';
import { kubernetes, kubernetesSkipNote, type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';

/** manifests/ and the chart as a real API server takes them: schema, admission, Pod Security, and what the accounts may do then. */
const HERE = 'clarion-system';
const textOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const page = textOf('docs/install.md');
const readme = textOf('README.md');
const OVERLAYS = ['passive-peers', 'one-controller', 'beside-metallb', 'observe', 'monitoring'];

/** What the Prometheus Operator brings; the fields of its objects are not looked at. */
const MONITORING_KINDS = [
  ['PodMonitor', 'podmonitors'],
  ['PrometheusRule', 'prometheusrules'],
].map(([kind, plural]) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.monitoring.coreos.com` },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind, plural },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}));
const asText = (objects: readonly object[]): string => objects.map((object) => JSON.stringify(object)).join('\n---\n');

/** One line a right: "controller everywhere create events.k8s.io/events", with a name at the end where it is for that one only. */
const documentedRights = (who: string): string[] =>
  [...page.matchAll(/^\| (controller|speaker) \| (everywhere|here) \| (.*?) ?\| (.*?) \| (.*?) ?\| (.*?) \| .* \|$/gm)]
    .filter(([, whose]) => whose === who)
    .flatMap(([, , where = '', group = '', resources = '', names = '', verbs = '']) =>
      words(resources).flatMap((resource) =>
        words(verbs).flatMap((verb) =>
          (names === '' ? [''] : words(names)).map((name) => `${where} ${verb} ${group}/${resource} ${name}`.trim()),
        ),
      ),
    )
    .toSorted();
/** Without the indentation; `false`, which fails, where there are none. */
const commandsIn = (text: string, which: RegExp): string => which.exec(text)?.[0].replaceAll(/^ {4}/gm, '') ?? 'false';
const words = (text: string): string[] => text.split(', ').filter((word) => word !== '');

describe.skipIf(!kubernetes.available)(`the manifests on a real API server${kubernetesSkipNote}`, () => {
  let cluster: TestControlPlane;
  const kubectl = (...args: string[]): Promise<string> => cluster.plane.kubectl(args);
  /** What kubectl says instead, on standard error. */
  const refusal = (...args: string[]): Promise<string> =>
    kubectl(...args).then(
      () => 'accepted',
      (error: Error) => error.message,
    );

  /** Commands as a page gives them, as the administrator. */
  const shell = async (script: string): Promise<void> => {
    const folder = join(cluster.plane.program('kubectl'), '..');
    const settings = [`PATH=${folder}:${process.env['PATH']}`, `KUBECONFIG=${cluster.plane.apiServer.kubeconfig}`];
    await cluster.plane.lab.run(undefined, ['env', ...settings, 'sh', '-e', '-c', script]);
  };

  beforeAll(async () => {
    cluster = await testControlPlane('manifests');
    await cluster.plane.apply(asText(MONITORING_KINDS));
    await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
    await kubectl('apply', '-f', join(manifests, 'base/namespace.yaml'));
  });
  afterAll(() => cluster?.stop());

  describe.skipIf(helmSkipNote !== '')(`the chart${helmSkipNote}`, () => {
    const withHelm = (...args: string[]): string =>
      run(helm, [...args, '--namespace', HERE, '--kubeconfig', cluster.plane.apiServer.kubeconfig]);
    const monitoring = ['podMonitor', 'alerts', 'dashboard'].flatMap((name) => ['--set', `monitoring.${name}=true`]);

    it('is installed, upgraded and taken away again', async () => {
      expect(withHelm('install', 'clarion', chart, '--dry-run=server')).toContain('kind: DaemonSet');
      expect(withHelm('install', 'clarion', chart)).toContain('STATUS: deployed');
      const names = await kubectl('get', 'deployment,daemonset,configmap', '--namespace', HERE, '--output', 'name');
      expect(names.split('\n')).toEqual(
        expect.arrayContaining([
          'deployment.apps/clarion-controller',
          'daemonset.apps/clarion-speaker',
          'configmap/clarion',
        ]),
      );
      expect(withHelm('upgrade', 'clarion', chart, ...monitoring)).toContain('REVISION: 2');
      expect(await kubectl('get', 'prometheusrule', '--namespace', HERE, '--output', 'name')).toContain('/clarion');
      expect(withHelm('uninstall', 'clarion')).toContain('uninstalled');
      expect(await kubectl('get', 'clusterrole', '--output', 'name')).not.toContain('clarion');
    });
  });

  describe('kubectl apply -k', () => {
    it.each(['.', 'base', ...OVERLAYS.map((name) => `overlays/${name}`)])(
      'takes %s without a warning, by server-side dry run',
      async (folder) => {
        const words = ['apply', '--dry-run=server', '--server-side', '--warnings-as-errors', '--validate=strict'];
        const said = await kubectl(...words, '-k', join(manifests, folder));
        expect(said).toContain('daemonset.apps/clarion-speaker serverside-applied (server dry run)');
      },
    );

    it('installs, and finds nothing to do when it is said again', async () => {
      await kubectl('apply', '--validate=strict', '--warnings-as-errors', '-k', manifests);
      // Exit code 1 where something would change.
      expect(await kubectl('diff', '-k', manifests)).toBe('');
    });

    it('of a kustomization as README makes it installs the image and the configuration that are named there', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'clarion-readme-'));
      cpSync(manifests, join(folder, 'manifests'), { recursive: true });
      await shell(`cd ${folder}\n${commandsIn(readme, /^ {4}cp manifests.*?^ {4}kubectl apply -k \.$/ms)}`);
      rmSync(folder, { recursive: true });
      const image = 'jsonpath={.spec.template.spec.containers[0].image}';
      for (const what of ['deployment/clarion-controller', 'daemonset/clarion-speaker'])
        expect(await kubectl('get', what, '--namespace', HERE, '--output', image)).toBe(
          'registry.example/clarion:0.1.0',
        );
      expect(await kubectl('get', 'configmap', 'clarion', '--namespace', HERE, '--output', 'name')).toBe(
        'configmap/clarion\n',
      );
    });

    it('of manifests/base leaves the configuration in the cluster as it is', async () => {
      const mine = { data: { 'config.yaml': 'pools: [{name: mine, addresses: [192.0.2.0/28]}]' } };
      await kubectl('patch', 'configmap', 'clarion', '--namespace', HERE, '--type=merge', '-p', JSON.stringify(mine));
      await kubectl('apply', '-k', join(manifests, 'base'));
      const data = await kubectl('get', 'configmap', 'clarion', '--namespace', HERE, '--output', 'jsonpath={.data}');
      expect(JSON.parse(data)).toEqual(mine.data);
    });
  });

  describe('Pod Security', () => {
    const podOf = (workload: KubernetesObject, namespace: string): object => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: workload.metadata.name, namespace },
      spec: podSpecOf(workload),
    });
    const verdict = async (kind: string, name: string, level: string, folder = 'base'): Promise<string> => {
      const namespace = `level-${level}`;
      const labels = { 'pod-security.kubernetes.io/enforce': level };
      await cluster.plane.apply(
        JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }),
      );
      const pod = podOf(find(kustomized(folder), kind, name), namespace);
      return cluster.plane.kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(pod)).then(
        () => 'accepted',
        ({ message }: Error) => /violates PodSecurity.*/s.exec(message)?.[0].trim() ?? message,
      );
    };

    it('"restricted", the strictest level, takes the controller', async () => {
      expect(await verdict('Deployment', 'clarion-controller', 'restricted')).toBe('accepted');
    });

    it('"privileged", which the namespace declares, takes the speaker', async () => {
      const { labels } = find(kustomized('base'), 'Namespace', HERE).metadata;
      expect(labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'privileged' });
      expect(await verdict('DaemonSet', 'clarion-speaker', 'privileged')).toBe('accepted');
    });

    it.each(['base', 'overlays/passive-peers'])(
      '"baseline" refuses the speaker of %s for the network of the node and NET_RAW, and for nothing else',
      async (folder) => {
        expect(await verdict('DaemonSet', 'clarion-speaker', 'baseline', folder)).toBe(
          'violates PodSecurity "baseline:latest": non-default capabilities (container "speaker" must not include "NET_RAW" ' +
            'in securityContext.capabilities.add), host namespaces (hostNetwork=true), hostPort (container "speaker" uses hostPorts 7472, 7946)',
        );
      },
    );

    it('nothing of what is not needed: no CPU limit, no further capability, no escalation, no writable file system', () => {
      for (const [kind, name, added] of [
        ['Deployment', 'clarion-controller', undefined],
        ['DaemonSet', 'clarion-speaker', ['NET_RAW']],
      ] as const) {
        const { containers, volumes, hostPID, hostIPC } = podSpecOf(find(kustomized('base'), kind, name));
        expect({ volumes, hostPID, hostIPC }).toEqual({});
        expect(containers).toHaveLength(1);
        const [container] = containers;
        expect(container?.resources).toMatchObject({ limits: { memory: expect.stringMatching(/Mi$/) } });
        expect(JSON.stringify(container?.resources)).not.toMatch(/limits":[^}]*cpu/);
        expect(container?.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: added === undefined ? { drop: ['ALL'] } : { drop: ['ALL'], add: added },
        });
      }
    });
  });

  describe('rights', () => {
    interface Rules {
      readonly status: {
        readonly resourceRules: readonly {
          readonly verbs: readonly string[];
          readonly apiGroups: readonly string[];
          readonly resources: readonly string[];
          readonly resourceNames?: readonly string[];
        }[];
      };
    }

    /** As the API server answers, asked with the account's own token. */
    async function rightsIn(namespace: string, account: string, accountNamespace = HERE): Promise<Set<string>> {
      const token = await requestToken(cluster.plane, { namespace: accountNamespace, name: account });
      const config = cluster.plane.kubeconfigFor(`rights-${account}`, token);
      const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } };
      const answer = await cluster.plane.kubectlWith(
        config,
        ['create', '--validate=false', '-f', '-', '--output', 'json'],
        JSON.stringify(review),
      );
      const { status } = JSON.parse(answer) as Rules;
      return new Set(
        status.resourceRules.flatMap(({ verbs, apiGroups, resources, resourceNames = [''] }) =>
          verbs.flatMap((verb) =>
            apiGroups.flatMap((group) =>
              resources.flatMap((resource) =>
                resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`.trim()),
              ),
            ),
          ),
        ),
      );
    }

    it.each(['controller', 'speaker'])('of the %s are those of docs/install.md, no more and no less', async (who) => {
      await kubectl('create', 'serviceaccount', 'nobody', '--namespace', 'default').catch(() => {});
      const everybodys = await rightsIn('default', 'nobody', 'default');
      const own = (rights: ReadonlySet<string>): string[] => [...rights].filter((right) => !everybodys.has(right));
      const everywhere = own(await rightsIn('default', `clarion-${who}`));
      const here = own(await rightsIn(HERE, `clarion-${who}`)).filter((right) => !everywhere.includes(right));
      const documented = documentedRights(who);
      expect(documented.length).toBeGreaterThan(8);
      expect(
        [...everywhere.map((right) => `everywhere ${right}`), ...here.map((right) => `here ${right}`)].toSorted(),
      ).toEqual(documented);
    });

    it.each([
      ['controller', 'patch services'],
      ['controller', 'update services/status'],
      ['controller', 'patch nodes'],
      ['controller', 'get secrets'],
      ['controller', 'list secrets -n clarion-system'],
      ['controller', 'update secrets -n clarion-system'],
      ['controller', 'delete secrets -n clarion-system'],
      ['controller', 'update configmaps/clarion -n clarion-system'],
      ['controller', 'list configmaps -n clarion-system'],
      ['controller', 'list configmaps -n kube-system'],
      ['controller', 'get pods/proxy'],
      ['controller', 'create pods/proxy -n clarion-system'],
      ['controller', 'create pods/exec -n clarion-system'],
      ['controller', 'update leases/other -n clarion-system'],
      ['speaker', 'patch services/status'],
      ['speaker', 'create events.events.k8s.io'],
      ['speaker', 'patch nodes'],
      ['speaker', 'list secrets -n clarion-system'],
      ['speaker', 'get secrets -n kube-system'],
      ['speaker', 'list configmaps/clarion -n clarion-system'],
      ['speaker', 'list pods -n clarion-system'],
    ])('the %s may not %s', async (who, question) => {
      const as = `--as=system:serviceaccount:${HERE}:clarion-${who}`;
      expect(await refusal('auth', 'can-i', ...question.split(' '), as)).toMatch(
        /(ended with 1|is not namespace scoped)$/,
      );
    });

    /** Without kubectl, which would read the object first. The code of the answer. */
    async function patched(path: string, patch: object): Promise<number | undefined> {
      const token = await requestToken(cluster.plane, { namespace: HERE, name: 'clarion-controller' });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' };
      return new Promise((resolve, reject) => {
        const ca = readFileSync(cluster.plane.caFile);
        const sent = request(`${cluster.plane.apiServer.url}${path}`, { method: 'PATCH', ca, headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        sent.on('error', reject).end(JSON.stringify(patch));
      });
    }

    it('a status patch brings address, conditions and the annotation, and cannot touch a spec', async () => {
      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      };
      await cluster.plane.apply(JSON.stringify(service));
      const patch = {
        metadata: { annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' } },
        spec: { type: 'ClusterIP' },
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.200', ipMode: 'VIP' }] } },
      };
      const path = '/api/v1/namespaces/default/services/web';
      expect(await patched(path, patch)).toBe(403);
      expect(await patched(`${path}/status`, patch)).toBe(200);
      const web = JSON.parse(await kubectl('get', 'service', 'web', '--output', 'json')) as KubernetesObject;
      expect(web['spec']).toMatchObject({ type: 'LoadBalancer' });
      expect(web['status']).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.200', ipMode: 'VIP' }] } });
      expect(web.metadata).toMatchObject({ annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' } });
    });
  });

  describe('uninstalling, as docs/install.md says', () => {
    it('leaves addresses in the status of Services', async () => {
      await kubectl('delete', '--wait=false', '-k', manifests);
      expect(await kubectl('get', 'service', 'web', '--output', 'jsonpath={.status.loadBalancer.ingress[0].ip}')).toBe(
        '192.0.2.200',
      );
      expect(await kubectl('get', 'clusterrole,clusterrolebinding', '--output', 'name')).not.toContain('clarion');
    });

    it('and the commands that are given there clear them', async () => {
      await shell(commandsIn(page, /^ {4}kubectl get services -A.*?^ {4}done$/ms));
      const web = JSON.parse(await kubectl('get', 'service', 'web', '--output', 'json')) as KubernetesObject;
      expect(web['status']).toEqual({ loadBalancer: {} });
      expect(web.metadata).not.toHaveProperty('annotations');
    });
  });
});
