// npm sbom --package-lock-only --sbom-format=cyclonedx | node sbom.mjs >sbom.cdx.json
// Takes away what only builds and tests. `npm sbom --omit=dev` would as well, but it also leaves out packages of the product that a
// development package happens to ask for too (zod, yaml); the lock file knows better.
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const shipped = new Set(
  Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(
      ([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`,
    ),
);
const bom = JSON.parse(readFileSync(0, 'utf8'));
const root = bom.metadata.component['bom-ref'];
bom.components = bom.components.filter((component) => shipped.has(`${component.name}@${component.version}`));
const left = new Set([root, ...bom.components.map((component) => component['bom-ref'])]);
bom.dependencies = bom.dependencies
  .filter(({ ref }) => left.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => left.has(one)) }));
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
