// kubernetes-bare.mjs all|watch SERVER CA TOKEN NAMESPACE
//
// The least that a controller can do: one PATCH of the status for each Service of a namespace, with all that Clarion's has in it.
// `all`: lists them, patches 16 at a time and ends. `watch`: patches each as its watch event arrives. It decides nothing.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

const [, , manner, server, ca, token, namespace] = process.argv;
const agent = new Agent({ keepAlive: true, ca: readFileSync(ca) });
const headers = { authorization: `Bearer ${token}`, 'user-agent': 'bare-loop' };
const path = `/api/v1/namespaces/${namespace}/services`;

function send(method, where, body, answered) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const more =
    text === undefined
      ? {}
      : { 'content-type': 'application/strategic-merge-patch+json', 'content-length': Buffer.byteLength(text) };
  const call = request(server + where, { method, agent, headers: { ...headers, ...more } }, answered);
  call.on('error', (error) => {
    throw error;
  });
  call.end(text);
}

const ask = (method, where, body) =>
  new Promise((resolve, reject) =>
    send(method, where, body, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(text));
      });
    }),
  );

let number = 0;
function patch({ metadata: { name, resourceVersion } }) {
  const ip = `10.98.${number >> 8}.${number++ & 255}`;
  const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`;
  const condition = (type, status, reason, message) => ({ type, status, reason, message, lastTransitionTime });
  return ask('PATCH', `${path}/${name}/status?fieldManager=bare&timeout=4s`, {
    metadata: { resourceVersion, annotations: { 'clarion.dev/pool': 'bench' } },
    status: {
      loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] },
      conditions: [
        condition('clarion.dev/Allocated', 'True', 'Allocated', `${ip} from pool bench`),
        condition('clarion.dev/Announced', 'False', 'NoEndpoints', `${ip}: there is nothing ready behind the Service`),
      ],
    },
  });
}

const list = await ask('GET', path);
if (manner === 'all') {
  const rest = [...list.items];
  const worker = async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await patch(next);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
} else
  send('GET', `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`, undefined, (response) => {
    process.stdout.write('ready\n');
    let rest = '';
    response.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.type === 'ADDED') void patch(event.object);
      }
    });
  });
