/** Fixed users of the lab's API server, by token. The system users have their RBAC roles from its first start. */
export const ADMIN_TOKEN = 'admin-token';
export const PROXY_TOKEN = 'proxy-token';
export const CONTROLLERS_TOKEN = 'controllers-token';

/** token, user, uid, groups (kube-apiserver --token-auth-file). */
export const tokenFile = (): string =>
  [
    [ADMIN_TOKEN, 'admin', '1', 'system:masters'],
    [PROXY_TOKEN, 'system:kube-proxy', '2'],
    [CONTROLLERS_TOKEN, 'system:kube-controller-manager', '3'],
  ]
    .map((columns) => `${columns.join(',')}\n`)
    .join('');

export const kubeconfig = (server: string, caFile: string, token: string): string =>
  `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'lab', user: { token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
    'current-context': 'lab',
  })}\n`;
