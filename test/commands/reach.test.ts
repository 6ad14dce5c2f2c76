import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeSocketPath } from '../../src/cluster/directory/directory.ts';
import { reach } from '../../src/commands/reach.ts';

test('every question has a connection of its own: one that was kept may be closed while the command reads a large folder', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'clarion-reach-'));
  const path = nodeSocketPath(directory, 'node-a');
  mkdirSync(dirname(path), { recursive: true });
  let connections = 0;
  const server = createServer((_request, response) => response.end('{}')).on('connection', () => connections++);
  await new Promise<void>((resolve) => void server.listen({ path }, resolve));
  try {
    const processes = await reach({ directory });
    for (let i = 0; i < 2; i++) expect(await processes.ask()).toEqual([{ name: 'node-a', ok: true, report: {} }]);
    expect(connections).toBe(2);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
});
